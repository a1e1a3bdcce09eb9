"""Replicate's HTTP API, typed. Knows HTTP, knows nothing of us."""
