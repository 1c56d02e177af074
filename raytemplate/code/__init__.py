"""The user's own Python modules: found and checked without importing, copied along with runs, loaded where they run."""
