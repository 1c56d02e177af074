"""The adapter to OpenLineage: runs as events, and the sender that never holds a run up."""
