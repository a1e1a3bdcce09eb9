"""The gate that every request to Discord about a run passes: it lets each through when its pace allows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from bot.clock import Clock
from bot.ui.pace import ANY_CHANNEL, Line, Pace, Urgency

# So close together that one waking serves them all.
_GRAIN = 0.005


class Gate:
    """Holds back whoever asks until :class:`~bot.ui.pace.Pace` releases them. One task keeps the time for all."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._keys = count(1)
        self._planned = float("inf")
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    def key(self) -> int:
        """Return a new key, to ask with."""
        return next(self._keys)

    async def passed(self, key: int, *, line: Line, urgency: Urgency, aside: bool = False) -> None:
        """Return when this message may be edited."""
        self._pace.ask(key, line=line, urgency=urgency, now=self._clock.monotonic(), aside=aside)
        self._waiting[key] = waiting = asyncio.get_running_loop().create_future()
        self._release()
        try:
            await waiting
        finally:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
                self._pace.withdraw(key)

    @asynccontextmanager
    async def aside(self, line: Line = ANY_CHANNEL, urgency: Urgency = Urgency.ASIDE) -> AsyncIterator[None]:
        """Wait until a request of the bot that is no edit may leave; it is under way for as long as the context."""
        key = self.key()
        try:
            await self.passed(key, line=line, urgency=urgency, aside=True)
            yield
        finally:
            self._pace.answered(key, self._clock.monotonic())
            self._pace.forget(key)
            self._release()

    def due_in(self, key: int) -> float:
        """Return in how many seconds this message may be edited again, if nobody goes before it; 0.0 for now."""
        return self._pace.due_in(key, self._clock.monotonic())

    def note(self, line: Line) -> None:
        """Take note of a request that does not wait."""
        self._pace.note(line, self._clock.monotonic())

    def hasten(self, key: int, *, line: Line, urgency: Urgency) -> None:
        """Let a message that waits already be more urgent; nothing happens to one that does not wait."""
        if key in self._waiting:
            self._pace.ask(key, line=line, urgency=urgency, now=self._clock.monotonic())
            self._release()

    def forget(self, key: int) -> None:
        """Drop what is remembered of a message that will not ask again."""
        self._pace.forget(key)

    async def close(self) -> None:
        """Stop keeping time; whoever still waits does so in vain."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    def _release(self) -> None:
        now = self._clock.monotonic()
        for key in self._pace.release(now):
            waiting = self._waiting.pop(key, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        following = self._pace.next_at(now)
        if following is not None and following < self._planned and not self._closed:
            self._keep(following)

    def _keep(self, until: float) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        self._planned = until
        self._keeper = asyncio.create_task(self._wake(until), name="the gate to Discord")

    async def _wake(self, until: float) -> None:
        await self._clock.sleep(max(_GRAIN, until - self._clock.monotonic()))
        self._pace.next_portion()
        self._keeper, self._planned = None, float("inf")
        self._release()
