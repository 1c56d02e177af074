"""Reads what has happened: runs, registered models, differences between two runs. Writes nothing."""
