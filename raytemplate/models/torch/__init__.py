"""Training and prediction that all families of torch networks share, and the family whose network a person wrote."""
