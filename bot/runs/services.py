"""What the runs of one backend work with, built once by the engine."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.backends.backend import Backend, Places
from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.outputs.items import FileItem, OutputItem
from bot.rules.verdict import Verdict
from bot.runs.create_queue import CreateQueue
from bot.runs.input_files import InputResolver
from bot.runs.own_turns import OwnTurns
from bot.runs.ownership import Ownership
from bot.runs.policy import Policy, PollLimiter
from bot.runs.pricing import Pricing
from bot.runs.reconcile import Reconciler
from bot.runs.recover import RecoveryStep, next_step
from bot.store.models import Run
from bot.store.runs import Runs
from bot.worker_pool import WorkerPool

KeepResult = Callable[[Run, Sequence[OutputItem]], Awaitable[None]]
CheckPicture = Callable[[Run, FileItem], Awaitable[Verdict]]
OnDelivered = Callable[[Run], None]


async def keep_nothing(_run: Run, _items: Sequence[OutputItem]) -> None:
    """Keep nothing (a KeepResult)."""


async def check_nothing(_run: Run, _picture: FileItem) -> Verdict:
    """Know nothing about a picture (a CheckPicture)."""
    return Verdict.UNKNOWN


def tell_nobody(_run: Run) -> None:
    """Tell nobody of a delivered run (an OnDelivered)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunServices:
    """Shared by all runs of a backend.

    ``keep_result`` keeps what is needed to find a delivered result again, while its files are on disk; it raises
    nothing. ``check_picture`` says whether a picture may be shown where a server wants to know; it raises nothing, too.
    ``on_delivered`` is told of each run at its end.
    """

    backend: Backend
    runs: Runs
    ownership: Ownership
    clock: Clock
    policy: Policy
    metrics: Metrics
    pricing: Pricing
    own_turns: OwnTurns
    create_queue: CreateQueue
    poll_limiter: PollLimiter
    inputs: InputResolver
    reconciler: Reconciler
    keep_result: KeepResult
    check_picture: CheckPicture
    on_delivered: OnDelivered
    workers: WorkerPool


class BackendServices:
    """The services of each backend, and what depends on which one a run has."""

    def __init__(self, services: Iterable[RunServices]) -> None:
        self._services = tuple(services)

    def of(self, run: Run) -> RunServices:
        """Return what a run works with. Without its backend a run ends or is delivered, for which any will do."""
        return next((one for one in self._services if one.backend.serves(run.target)), self._services[0])

    def next_step(self, run: Run, now: datetime) -> RecoveryStep:
        """Return the next step of a run after a restart, with regard to its backend."""
        services = self._find(run)
        if services is None:
            over = run.state.terminal or run.delivered_at is not None
            return next_step(run, now, expire_after=timedelta.max) if over else RecoveryStep.RETIRE
        waits = isinstance(services.backend.pace, Places) or services.policy.waits_for_own
        expire_after = services.policy.place_wait if waits else services.policy.deadline
        return next_step(run, now, expire_after=expire_after)

    def occupy_places(self, runs: Iterable[Run]) -> None:
        """Let every run that has a prediction, or may have one, occupy its place before others start."""
        for run in runs:
            services = self._find(run)
            if services is not None and run.sent_at is not None and not run.state.terminal:
                services.create_queue.occupy(run.id)

    def count(self, runs: Sequence[Run]) -> dict[str, tuple[int, int]]:
        """Return how many runs are queued, and how many of ``runs`` there are, by the name of their backend."""
        return {
            one.backend.name: (len(one.create_queue), sum(one.backend.serves(run.target) for run in runs))
            for one in self._services
        }

    async def close_queues(self) -> None:
        """End every wait in a create queue."""
        for services in self._services:
            await services.create_queue.close()

    def _find(self, run: Run) -> RunServices | None:
        return next((one for one in self._services if one.backend.serves(run.target)), None)
