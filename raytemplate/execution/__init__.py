"""RunPlan -> records: the journal of a run, its stages in order, and going on after a stop."""
