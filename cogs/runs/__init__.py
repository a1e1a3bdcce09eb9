"""/runs: list or cancel one's own runs."""
