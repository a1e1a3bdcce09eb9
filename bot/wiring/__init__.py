"""The bot's parts, each built in one place; ``bot/app.py`` puts them together."""
