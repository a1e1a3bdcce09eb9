"""The heart: one owner of every run's life, from the intent on disk to the last edit."""

from bot.replicate.target import Target
from bot.store.run import Place, Run, RunState

__all__ = ["Place", "Run", "RunState", "Target"]
