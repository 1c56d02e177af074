"""From files to a snapshot, profiles and encoded rows. Uses Arrow and numpy only, no engine."""
