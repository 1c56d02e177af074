"""RunPlan -> records: a run's journal, its stages in order, and resuming after a stop."""
