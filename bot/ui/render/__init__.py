"""Render runs and answers as components and Markdown. Pure."""
