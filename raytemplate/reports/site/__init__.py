"""The pages of a site of all models, each from plain rows; a run's own page is its report."""
