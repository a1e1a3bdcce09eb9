"""The heart: one owner of every run's life, from the intent on disk to the last edit."""

from bot.backends.replicate.types import ModelRef
from bot.store.models import Place, Run, RunState

__all__ = ["ModelRef", "Place", "Run", "RunState"]
