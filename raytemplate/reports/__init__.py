"""Plan and records -> terminal text: pure functions that return str, without colours."""
