"""The bot's answer to one run in Discord."""
