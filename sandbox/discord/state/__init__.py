"""The state behind the stand-in: users, guilds, channels, messages, and the events about them."""
