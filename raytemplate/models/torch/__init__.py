"""Training and prediction shared by all families of torch networks, and the family for a user's own network."""
