"""What passes each door once it has happened: one file a door, frozen, JSON both ways."""
