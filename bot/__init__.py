"""A Discord bot that puts any Replicate model behind a slash command."""
