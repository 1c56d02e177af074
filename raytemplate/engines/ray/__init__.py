"""Ray: cluster, ingest, train, score. Imported only when a run starts."""
