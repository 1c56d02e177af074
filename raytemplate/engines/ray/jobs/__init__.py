"""Ray's Jobs API, and the code that a job takes along."""
