"""Saved characters in prompts and file inputs: ``@mia`` becomes a description and pictures. Pure."""
