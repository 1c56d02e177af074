"""Model families: a folder each, with options, a loop that runs on workers, and a predictor."""
