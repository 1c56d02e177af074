"""MLflow: tracking and registry as copies of our records, and the flavor that loads our models."""
