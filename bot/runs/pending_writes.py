"""Writes to the row of one run that the database has not taken yet.

A database that is locked or full takes nothing for minutes, while the run's prediction costs money and brings output.
So what happened at Replicate is kept here, in order, and written as soon as that is possible; the run goes on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from bot.aio import cancel_and_wait, race
from bot.clock import Clock
from bot.runs.policy import Policy
from bot.store.errors import StoreError

log = structlog.get_logger(__name__)

FAILURES_BEFORE_WARNING: Final = 2  # of writes of one run in a row; a single one may be a backup that takes a moment

Write = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _PendingWrite:
    """``attempted`` resolves with the first attempt, with its error unless that is a StoreError."""

    write: Write
    attempted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class PendingWrites:
    """The writes of one run, in order. Each is a compare-and-set, so one that is repeated has no further effect.

    ``on_saved`` is told whether everything is written, once that changes. ``on_error`` gets the error of a write that
    failed for another reason than the database and that nobody waits for any more; that write is dropped.
    """

    def __init__(
        self, clock: Clock, policy: Policy, *, on_saved: Callable[[bool], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_saved = on_saved
        self._on_error = on_error
        self._writes: deque[_PendingWrite] = deque()
        self._lock = asyncio.Lock()
        self._worker: asyncio.Task[None] | None = None
        self._failures = 0  # in a row
        self._closed = False

    async def add(self, write: Write) -> None:
        """Write behind what is pending. Returns after the first attempt, or when that is not due or takes long.

        What is not written by then is written in the background. Errors other than StoreError are raised.
        """
        pending = _PendingWrite(write)
        self._writes.append(pending)
        if not self._closed and (self._worker is None or self._worker.done()):
            self._worker = asyncio.create_task(self._keep_writing(), name="pending writes")
        if self._failures:  # the next attempt is some seconds away
            _resolve(pending.attempted)
            return
        await race(pending.attempted, self._clock.sleep(self._policy.save_timeout))
        if pending.attempted.cancelled():
            self._on_saved(False)  # noqa: FBT003 - the callback's only argument

    async def flush(self) -> None:
        """Write everything that is pending now; StoreError if the database does not take it."""
        async with self._lock:
            while self._writes:
                pending = self._writes[0]
                try:
                    await pending.write()
                except StoreError:
                    for waiting in self._writes:  # they would fail as well
                        _resolve(waiting.attempted)
                    raise
                except Exception as error:  # noqa: BLE001 - it is handed on
                    if pending.attempted.done():
                        self._on_error(error)
                    else:
                        pending.attempted.set_exception(error)
                self._writes.popleft()
                _resolve(pending.attempted)

    async def close(self) -> None:
        """Stop writing; the next start reads from the rows what was not written."""
        self._closed = True
        if self._worker is not None:
            await cancel_and_wait([self._worker])

    async def _keep_writing(self) -> None:
        while self._writes:
            try:
                await self.flush()
            except StoreError:
                self._failures += 1
                if self._failures == 1:
                    log.warning("write_failed", exc_info=True)
                if self._failures == FAILURES_BEFORE_WARNING:
                    self._on_saved(False)  # noqa: FBT003 - the callback's only argument
                await self._clock.sleep(self._policy.save_delay(self._failures))
        if self._failures:
            log.info("writes_made_up_for", failures=self._failures)
            self._failures = 0
        self._on_saved(True)  # noqa: FBT003 - as above


def _resolve(attempted: asyncio.Future[None]) -> None:
    if not attempted.done():
        attempted.set_result(None)
