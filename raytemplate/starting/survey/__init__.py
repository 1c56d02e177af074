"""Files that nobody has described yet: their format, and what is in their columns."""
