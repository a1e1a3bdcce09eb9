"""Cancel runs, wherever they are: in memory, about to be, on disk alone, or at a later step of their chain."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from bot.aio import race
from bot.clock import Clock
from bot.runs.active_run import ActiveRun
from bot.runs.policy import Policy
from bot.store.runs import Runs


class CancelResult(StrEnum):
    """What happened to a request to cancel a run."""

    REQUESTED = "requested"
    ALREADY_REQUESTED = "already_requested"
    ALREADY_ENDED = "already_ended"
    NOT_FOUND = "not_found"


class Cancels:
    """Records cancels on disk first, then tells the run's task. ``active`` are the runs in memory.

    A cancel that comes while a run's row is being written or read (``starting``, ``recovering``) is kept for its task,
    which starts with the row as it was before.
    """

    def __init__(self, runs: Runs, active: Mapping[str, ActiveRun], *, clock: Clock, policy: Policy) -> None:
        self._runs = runs
        self._active = active
        self._clock = clock
        self._policy = policy
        self._starting: set[str] = set()
        self._recoveries = 0  # in progress
        self._early: dict[str, tuple[int | None, datetime]] = {}  # who canceled, and when
        self._lost_places: set[str] = set()  # runs where the bot no longer is, whose task has not started

    @contextmanager
    def starting(self, run_id: str) -> Iterator[None]:
        """Expect the task of a run whose row is being written."""
        self._starting.add(run_id)
        try:
            yield
        finally:
            self._starting.discard(run_id)
            self._forget_early()

    @contextmanager
    def recovering(self) -> Iterator[None]:
        """Expect the task of any run, as their rows are being read."""
        self._recoveries += 1
        try:
            yield
        finally:
            self._recoveries -= 1
            self._forget_early()

    def is_starting(self, run_id: str) -> bool:
        """Return whether a run's row is being written."""
        return run_id in self._starting

    def take_early(self, active: ActiveRun) -> None:
        """Tell a run whose task is about to start what came before."""
        run_id = active.run.id
        if run_id in self._lost_places:
            self._lost_places.discard(run_id)
            active.place_lost = True
        if run_id in self._early:
            by, at = self._early.pop(run_id)
            active.request_cancel(by=by, at=at)

    async def cancel(self, run_id: str, *, by: int | None) -> CancelResult:
        """Record that a user asked to cancel a run, and cancel it; ``by`` is None if the bot itself does.

        A step of a chain that is over stands for the step that the chain is at now, and no further step starts.

        If the database is locked or full, a run in memory is canceled nevertheless: its prediction may cost money. The
        request is then written as soon as that is possible. StoreError for a run that is not in memory.
        """
        active = self._active.get(run_id)
        result = await self._cancel_run(run_id, by=by)
        if result is not CancelResult.ALREADY_ENDED:
            return result
        run = active.run if active is not None else await self._runs.get(run_id)
        if run is None or run.chain is None or run.chain.is_last:
            return result
        found = await self._runs.cancel_chain(run.chain.id, by_id=by, at=self._clock.now())
        if found is None:
            return CancelResult.ALREADY_ENDED
        current, is_first = found
        if current != run_id:
            return await self._cancel_run(current, by=by)
        return CancelResult.REQUESTED if is_first else CancelResult.ALREADY_REQUESTED

    async def cancel_deleted(self, run_id: str) -> None:
        """Cancel a run whose message was deleted: nobody would see the rest."""
        active = self._active.get(run_id)
        if active is not None:
            active.message_deleted = True
        await self.cancel(run_id, by=None)

    async def cancel_out_of_place(self, run_id: str) -> None:
        """Cancel a run whose server the bot has left: nobody sees the rest.

        The end is shown if the interaction's token still reaches the message; that is tried once.
        """
        active = self._active.get(run_id)
        if active is not None:
            active.place_lost = True
        elif self._may_start(run_id):
            self._lost_places.add(run_id)
        await self.cancel(run_id, by=None)

    async def take_over(self, run_id: str | None = None) -> None:
        """Cancel the runs in memory, or one of them, whose cancel another process has recorded; StoreError if it fails.

        A run that is not in memory yet is read with its cancel, or found when this is called again.
        """
        waiting = [one for one, active in self._active.items() if not active.is_canceling and not active.is_over]
        if run_id is not None:
            waiting = [run_id] if run_id in waiting else []
        for run in await self._runs.list_cancel_requested(waiting) if waiting else ():
            active = self._active.get(run.id)
            if active is not None and not active.is_canceling and run.cancel_requested_at is not None:
                active.request_cancel(by=run.canceled_by_id, at=run.cancel_requested_at)

    async def _cancel_run(self, run_id: str, *, by: int | None) -> CancelResult:
        at = self._clock.now()
        active = self._active.get(run_id)
        if active is None:
            is_first = await self._runs.request_cancel(run_id, by_id=by, at=at)
        elif active.is_over:
            active.reply.limit_text()  # its text may still be on the way
            return CancelResult.ALREADY_ENDED
        else:
            is_first = await self._save(active, by=by, at=at)
        if is_first:
            active = self._active.get(run_id)
            if active is not None:
                active.request_cancel(by=by, at=at)
            elif self._may_start(run_id):
                self._early[run_id] = (by, at)
            return CancelResult.REQUESTED
        run = await self._runs.get(run_id)
        if run is None:
            return CancelResult.NOT_FOUND
        return CancelResult.ALREADY_ENDED if run.state.terminal else CancelResult.ALREADY_REQUESTED

    async def _save(self, active: ActiveRun, *, by: int | None, at: datetime) -> bool:
        """Write a cancel of a run in memory, now or when the database works; return whether it is the first."""
        run_id = active.run.id
        if active.is_canceling or active.is_saving_cancel:  # decided here: two writes may be answered in one moment
            return False
        written: list[bool] = []

        async def write() -> None:
            written.append(await self._runs.request_cancel(run_id, by_id=by, at=at))

        active.is_saving_cancel = True
        try:
            await race(active.pending.add(write), self._clock.sleep(self._policy.cancel_save_timeout))
        finally:
            active.is_saving_cancel = False
        return written[0] if written else True

    def _may_start(self, run_id: str) -> bool:
        """Whether the task of a run that is not in memory may start at any moment, with a row that was read before."""
        return run_id in self._starting or self._recoveries > 0

    def _forget_early(self) -> None:
        """Forget what came early for runs whose task did not start and, as they are read no more, will not."""
        if not self._recoveries:
            for run_id in self._early.keys() - self._starting:
                del self._early[run_id]
            self._lost_places &= self._starting
