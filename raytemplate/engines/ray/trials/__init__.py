"""The slots of a sweep, the trials in them, and the rows that they train on."""
