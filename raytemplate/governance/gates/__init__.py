"""Gates: frozen thresholds, each with `check(evidence) -> Finding`; one a file."""
