"""Sources: listings and footers for planning, readers on Arrow for ingest."""
