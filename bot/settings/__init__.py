"""The bot's settings, read once from the environment and ``.env``."""

from bot.settings.commands import ChainSpec, CommandSpec
from bot.settings.settings import DatabaseSettings, Settings

__all__ = ["ChainSpec", "CommandSpec", "DatabaseSettings", "Settings"]
