"""The bot's settings, read once from the environment and ``.env``."""

from bot.settings.commands import CommandSpec
from bot.settings.settings import DatabaseSettings, Settings

__all__ = ["CommandSpec", "DatabaseSettings", "Settings"]
