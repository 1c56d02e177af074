"""Gates: frozen thresholds with `check(evidence) -> Finding`, one gate a file."""
