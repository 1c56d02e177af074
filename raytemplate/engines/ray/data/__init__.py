"""Rows on Ray: read, checked, encoded, and fed to a loop."""
