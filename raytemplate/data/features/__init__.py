"""Encodes columns as numbers and codes. A kind of feature is an `Options` model and a few pure functions."""
