"""What happens to a run: queue, create once, reconcile, track, finalize, recover. Knows nothing of Discord."""

from bot.backends.replicate.types import ModelRef
from bot.backends.target import OWN_MODEL, Target, is_served, parse_target
from bot.store.models import Place, Run, RunState

__all__ = ["OWN_MODEL", "ModelRef", "Place", "Run", "RunState", "Target", "is_served", "parse_target"]
