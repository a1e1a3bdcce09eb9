"""Bots as people write them in an afternoon: no store, no cancel, no restart, one edit a second."""
