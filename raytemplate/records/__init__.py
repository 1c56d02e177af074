"""Records of what each stage of a run produced: one file a stage, frozen, JSON both ways."""
