"""Text files, a record a line: CSV and JSON Lines, cut into ranges of whole records that are read alone."""
