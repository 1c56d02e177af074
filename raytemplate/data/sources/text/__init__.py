"""Text files with one record a line, CSV and JSON Lines, cut into ranges of whole records that are read separately."""
