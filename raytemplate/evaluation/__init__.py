"""Predictions -> Evaluation. Pure: numpy in, records out."""
