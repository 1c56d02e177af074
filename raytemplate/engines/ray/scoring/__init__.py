"""Rows with a model's predictions: the test window, and new files."""
