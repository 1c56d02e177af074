"""Runs the trials of a sweep in its slots, and supplies the rows that they train on."""
