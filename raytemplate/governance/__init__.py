"""Evidence -> Verdict. Pure: uses no clock, no files and no engine."""
