"""The ledger, the truth about champions: a chain of events, and the head of each model."""
