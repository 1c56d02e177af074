"""The truth about champions: what governance did, in a chain of events, and the head of each model."""
