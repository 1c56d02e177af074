"""Files -> Snapshot, Profile, Splits. Arrow and numpy only; no engine."""
