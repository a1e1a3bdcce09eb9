"""What happens to a run: queue, create once, reconcile, track, finalize, recover. Knows nothing of Discord."""

from bot.backends.replicate.types import ModelRef
from bot.store.models import Place, Run, RunState

__all__ = ["ModelRef", "Place", "Run", "RunState"]
