"""/about: what the bot does and what it stores."""
