"""Adapters to Ray and MLflow: the only rooms that import them."""
