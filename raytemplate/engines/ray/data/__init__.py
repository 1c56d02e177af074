"""Reads rows on Ray, checks and encodes them, and feeds them to training loops."""
