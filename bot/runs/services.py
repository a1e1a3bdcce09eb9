"""What the runs of one backend work with, built once by the engine."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.backends.backend import Backend
from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.outputs.items import FileItem, OutputItem
from bot.outputs.materialize import Materializer
from bot.rules.verdict import Verdict
from bot.runs.create_queue import CreateQueue
from bot.runs.input_files import InputResolver, ThumbnailLoader
from bot.runs.own_turns import OwnTurns
from bot.runs.ownership import Ownership
from bot.runs.policy import Policy, PollLimiter
from bot.runs.pricing import Pricing
from bot.runs.reconcile import Reconciler
from bot.runs.snapshot import OpenReply
from bot.store.models import Run
from bot.store.runs import Runs
from bot.worker_pool import WorkerPool

KeepResult = Callable[[Run, Sequence[OutputItem]], Awaitable[None]]


CheckPicture = Callable[[Run, FileItem], Awaitable[Verdict]]


async def check_nothing(_run: Run, _picture: FileItem) -> Verdict:
    """Know nothing about a picture (a CheckPicture)."""
    return Verdict.UNKNOWN


OnDelivered = Callable[[Run], None]


def tell_nobody(_run: Run) -> None:
    """Tell nobody of a delivered run (an OnDelivered)."""


async def keep_nothing(_run: Run, _items: Sequence[OutputItem]) -> None:
    """Keep nothing (a KeepResult)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunServices:
    """Shared by all runs of a backend.

    ``materializer_for`` returns what makes the output items of one run. ``keep_result`` keeps what is needed to find a
    delivered result again, while its files are on disk; it raises nothing. ``check_picture`` says whether a picture may
    be shown where a server wants to know; it raises nothing, too. ``on_delivered`` is told of each run at its end.
    """

    backend: Backend
    runs: Runs
    ownership: Ownership
    clock: Clock
    policy: Policy
    metrics: Metrics
    open_reply: OpenReply
    materializer_for: Callable[[Run], Materializer]
    pricing: Pricing
    own_turns: OwnTurns
    create_queue: CreateQueue
    poll_limiter: PollLimiter
    inputs: InputResolver
    reconciler: Reconciler
    thumbnails: ThumbnailLoader
    keep_result: KeepResult
    check_picture: CheckPicture
    on_delivered: OnDelivered
    workers: WorkerPool
