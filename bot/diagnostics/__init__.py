"""The self-check: find what would keep the bot from working, and say how to fix it."""

from bot.diagnostics.runner import check

__all__ = ["check"]
