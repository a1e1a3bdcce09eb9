"""Bell: wakes a sleeper early."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

from bot.clock import Clock

T = TypeVar("T")


class Bell:
    """One waiter hears it; rung while nobody waits, it is heard at once by the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or when it comes."""
        self._rung.set()

    async def heard(self, within: float) -> bool:
        """Return True at the next ring, or False when ``within`` seconds have passed without one."""
        if not self._rung.is_set():
            await first(self._rung.wait(), self._clock.sleep(within))
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


async def first(*works: Coroutine[Any, Any, object]) -> None:
    """Return when the first of ``works`` is over; the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)


async def unless(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """Return what ``work`` gives, or None when ``stop`` is set first; the work is then cancelled and waited for."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await end((working, stopping))


async def end(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel what still runs and wait until it has cleaned up."""
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
