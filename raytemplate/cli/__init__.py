"""The command line. Each command has one file, which parses, calls `api`, prints and returns an exit code."""
