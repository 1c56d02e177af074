"""What has happened: runs, registered models, what differs between two runs. Nothing here is written."""
