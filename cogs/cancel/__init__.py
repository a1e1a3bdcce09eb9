"""Cancel a run: ❌ or the Cancel button."""
