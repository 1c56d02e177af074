"""Ray's Jobs API, and the code that is sent with a job."""
