"""Presets: a command with some inputs fixed and some asked for. Pure."""
