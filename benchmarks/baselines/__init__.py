"""Minimal bots for comparison: no store, no cancel, no recovery, one edit a second."""
