"""Linear models for numbers and classes."""
