"""What is shared with a server that removes the bot."""
