"""Model families: one folder each, with options, a loop that runs on workers, and a predictor."""
