"""The steps. They import nothing from the bot: a step never changes once it was released."""
