"""Small asyncio helpers: an event with a timeout, racing two waits, cancelling tasks and waiting for them."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

from bot.clock import Clock

T = TypeVar("T")


class WakeEvent:
    """One waiter hears it; rung while nobody waits, it is heard at once by the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake the waiter, now or when it comes."""
        self._rung = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def hush(self) -> None:
        """Forget that it was rung while nobody waited."""
        self._rung = False

    async def heard(self, within: float) -> bool:
        """Return True at the next ring, or False when ``within`` seconds have passed without one."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            passing = asyncio.ensure_future(self._clock.sleep(within))
            try:
                await asyncio.wait((self._waiter, passing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._waiter = None
                await cancel_and_wait((passing,))
        rung, self._rung = self._rung, False
        return rung


async def race(*works: Coroutine[Any, Any, object]) -> None:
    """Return when the first of ``works`` is over; the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(tasks)


async def cancel_on(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """Return what ``work`` gives, or None when ``stop`` is set first; the work is then cancelled and waited for."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel_and_wait((working, stopping))


async def cancel_and_wait(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel what still runs and wait until it has cleaned up."""
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
