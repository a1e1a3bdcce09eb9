"""The doctor: looks for what would keep the bot from working, and names the mend."""

from bot.diagnostics.runner import check

__all__ = ["check"]
