"""Turns predictions into an evaluation. Pure: numpy in, records out."""
