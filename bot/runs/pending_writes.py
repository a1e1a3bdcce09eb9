"""Writes to the row of one run that the database has not taken yet.

A database that is locked or full takes nothing for minutes, while the run's prediction costs money and brings output.
So what happened at Replicate is kept here, in order, and written as soon as that is possible; the run goes on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.aio import cancel_and_wait
from bot.clock import Clock
from bot.runs.policy import Policy
from bot.store.errors import StoreError

log = structlog.get_logger(__name__)

FAILURES_BEFORE_WARNING: Final = 2  # of writes of one run in a row; a single one may be a backup that takes a moment

Write = Callable[[], Awaitable[None]]


class PendingWrites:
    """The writes of one run, in order. Each is a compare-and-set, so one that is repeated has no further effect.

    ``on_saved`` is told whether everything is written, once that changes. ``on_error`` gets the error of a write that
    failed for another reason than the database; that write is dropped.
    """

    def __init__(
        self, clock: Clock, policy: Policy, *, on_saved: Callable[[bool], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_saved = on_saved
        self._on_error = on_error
        self._writes: deque[Write] = deque()
        self._lock = asyncio.Lock()
        self._retry: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, write: Write) -> None:
        """Write behind what is pending. Returns after the first attempt; what fails then is retried in the background.

        Errors other than StoreError are raised, or passed to ``on_error`` if they occur later.
        """
        self._writes.append(write)
        if len(self._writes) > 1:  # whoever writes those before goes on with this one
            return
        try:
            await self.flush()
        except StoreError:
            log.warning("write_failed", exc_info=True)
        finally:
            if self._writes and not self._closed and (self._retry is None or self._retry.done()):
                self._retry = asyncio.create_task(self._keep_writing(), name="pending writes")

    async def flush(self) -> None:
        """Write everything that is pending now; StoreError if the database does not take it."""
        async with self._lock:
            while self._writes:
                try:
                    await self._writes[0]()
                except StoreError:
                    raise
                except Exception:
                    self._writes.popleft()
                    raise
                self._writes.popleft()

    async def close(self) -> None:
        """Stop retrying; the next start reads from the rows what was not written."""
        self._closed = True
        if self._retry is not None:
            await cancel_and_wait([self._retry])

    async def _keep_writing(self) -> None:
        failures = 1
        while self._writes:
            await self._clock.sleep(self._policy.save_delay(failures))
            try:
                await self.flush()
            except StoreError:
                failures += 1
                if failures == FAILURES_BEFORE_WARNING:
                    self._on_saved(False)  # noqa: FBT003 - the callback's only argument
            except Exception as error:  # noqa: BLE001 - it is handed on
                self._on_error(error)
        if failures >= FAILURES_BEFORE_WARNING:
            log.info("writes_made_up_for")
        self._on_saved(True)  # noqa: FBT003 - as above
