"""A person's own Python modules: found and checked without importing, taken along, loaded where they run."""
