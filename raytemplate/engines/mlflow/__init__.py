"""MLflow: its tracking and registry as copies of our records, and a flavor that loads our models."""
