"""Evidence -> Verdict. Pure: no clock, no files, no engine."""
