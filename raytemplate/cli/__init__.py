"""The command line: one file a command: parse, call api, print, return an exit code."""
