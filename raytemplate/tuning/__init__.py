"""What a sweep draws from, how it searches, and when it stops a trial. Pure."""
