"""Sources: listings and footers for planning, Arrow readers for ingest."""
