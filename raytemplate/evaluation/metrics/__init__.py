"""Metrics: one object for each formula, with an id and a version."""
