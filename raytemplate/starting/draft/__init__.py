"""A first template for surveyed files: the decisions, and the commented text."""
