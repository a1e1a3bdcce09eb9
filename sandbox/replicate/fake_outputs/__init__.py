"""Output files and texts that are drawn or written by code instead of generated."""
