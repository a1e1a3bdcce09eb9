"""/about."""
