"""The steps. They import nothing of the bot's: a step that was taken once stays what it was."""
