"""Trains a model, in this process or on Ray Train's workers, and restarts workers that are lost."""
