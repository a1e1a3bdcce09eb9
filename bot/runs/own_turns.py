"""A person's runs over their limit wait for their own: the rows say whose turn it is, in the order of their creation.

So it is the same in every process, and after a restart. A run that waits has not been sent and costs nothing.
"""

import asyncio
from typing import Final

import structlog

from bot.aio import race
from bot.clock import Clock
from bot.runs.active_run import ActiveRun
from bot.runs.policy import Policy
from bot.store.errors import StoreError
from bot.store.runs import Runs

log = structlog.get_logger(__name__)

# Seconds until the rows are read again: a run of the same person may have ended in another process.
_LOOK_AGAIN: Final = 5.0


class OwnTurns:
    """Lets the runs of each person go on when enough of their earlier ones have ended."""

    def __init__(self, runs: Runs, *, policy: Policy, clock: Clock) -> None:
        self._runs = runs
        self._policy = policy
        self._clock = clock
        self._waiting: dict[int, set[asyncio.Event]] = {}

    async def wait(self, active: ActiveRun) -> None:
        """Return when it is a run's turn, or a cancel is requested; its place is shown meanwhile."""
        limit = self._policy.active_per_user
        if not self._policy.waits_for_own or limit is None:
            return
        ended = asyncio.Event()
        waiting = self._waiting.setdefault(active.run.author_id, set())
        waiting.add(ended)
        try:
            while not active.is_canceling:
                ended.clear()
                ahead = await self._count_ahead(active)
                if ahead is not None and ahead < limit:
                    return
                active.set_own_position(None if ahead is None else ahead - limit + 1)
                await race(ended.wait(), active.cancel_requested.wait(), self._clock.sleep(_LOOK_AGAIN))
        finally:
            waiting.discard(ended)
            if not waiting:
                self._waiting.pop(active.run.author_id, None)
            active.set_own_position(None)

    def on_ended(self, author_id: int) -> None:
        """Let the waiting runs of a person look whose turn it is."""
        for ended in self._waiting.get(author_id, ()):
            ended.set()

    async def _count_ahead(self, active: ActiveRun) -> int | None:
        try:
            return await self._runs.count_ahead(active.run)
        except StoreError:
            log.warning("own_runs_not_counted", run=active.run.id, exc_info=True)
            return None
