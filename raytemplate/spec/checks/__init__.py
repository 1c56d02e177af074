"""Checks of a template beyond the type of each field, one subject a file."""
