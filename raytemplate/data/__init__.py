"""Files -> Snapshot, Profile, encoded rows. Arrow and numpy only; no engine."""
