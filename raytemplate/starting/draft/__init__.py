"""A first template for files that were surveyed: what is decided for them, and its commented text."""
