"""One process at a time sends the commands to Discord: each overwrites the whole list."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from bot.clock import Clock
from bot.store.leases import Leases

_LEASE: Final = "publish"
_TTL: Final = timedelta(seconds=60)  # for a process that died meanwhile
_WORK_MAX: Final = 45.0  # seconds; well below the time to live, so that no two send
_ASK_AGAIN: Final = 0.1  # seconds


class PublishLease:
    """A lock that all processes share. Whoever has it reads first what the others stored."""

    def __init__(self, leases: Leases, *, process: str, read: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._leases = leases
        # An owner of its own: the heartbeats of the process do not prolong it.
        self._owner = f"{process}/{_LEASE}"
        self._read = read
        self._clock = clock

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Wait for the lease and hold it; TimeoutError if the work takes too long, StoreError if the database fails."""
        while not await self._leases.claim(self._owner, [_LEASE], most=1, ttl=_TTL):
            await self._clock.sleep(_ASK_AGAIN)
        try:
            async with asyncio.timeout(_WORK_MAX):
                await self._read()
                yield
        finally:
            await self._leases.release(self._owner, [_LEASE])


def is_newest(version: str, others: Iterable[str]) -> bool:
    """Return whether no process has a newer version: the commands of an older one would replace the newer ones."""
    return all(_parse(other) <= _parse(version) for other in others)


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", version)[:4])
