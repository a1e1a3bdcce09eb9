"""Apps → Use as subject, on any message with an image."""
