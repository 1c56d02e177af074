"""Metrics: one formula an object, each with id and version."""
