"""Files that nobody has described yet: how they are written, and what is in their columns."""
