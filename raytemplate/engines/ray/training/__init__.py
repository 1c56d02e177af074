"""One training: its ranks, in this process or on Ray Train's workers, and what becomes of those that are lost."""
