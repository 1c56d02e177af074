"""The site of a workspace: read from its records, and written to a folder or a bucket where something has changed."""
