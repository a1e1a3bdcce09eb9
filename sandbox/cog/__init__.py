"""Tiny models on a real Cog server: for the sandbox and the tests."""
