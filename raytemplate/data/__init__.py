"""Files -> Snapshot, profiles, encoded rows. Arrow and numpy only; no engine."""
