"""Scores rows with a model: those of the test window, and those of new files."""
