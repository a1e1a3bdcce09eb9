"""Cancel a run: the ❌ reaction and the Cancel button."""
