"""Plan and records -> terminal text, Markdown and HTML: pure functions, without terminal colours."""
