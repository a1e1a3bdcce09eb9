"""The leases that this process holds: claim, renew, share with the others, and notice their loss in time.

Validity is judged by this process's own monotonic clock: a lease is valid until the time at which the last successful
heartbeat was *sent* plus its time to live, which is never later than what the database says. So a process that is cut
off from the database stops acting before another one can claim what it holds.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from bot.clock import Clock
from bot.store.errors import StoreError
from bot.store.leases import Beat, Leases, ProcessInfo

log = structlog.get_logger(__name__)

MAINTENANCE: Final = "maintenance"

_BEATS_PER_LIFE: Final = 4
# Time for what was checked just before a lease expired to take effect, as a part of its life.
_MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process holds. ``fence`` marks its runs."""

    name: str
    fence: int


class LeaseHolder:
    """Claims a fair share of the shards' leases, and one of each other kind.

    ``on_gained`` is called for each lease that was claimed, ``on_lost`` for each that expired or is about to be given
    back; a lease is given back only once ``on_lost`` has returned.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        me: ProcessInfo,
        shards: int,
        ttl: timedelta,
        clock: Clock,
        on_gained: Callable[[Lease], Awaitable[None]],
        on_lost: Callable[[Lease], Awaitable[None]],
    ) -> None:
        self.me = me
        self.processes: Sequence[ProcessInfo] = (me,)
        self._leases = leases
        self._shards = [shard_lease(number, shards) for number in range(shards)]
        self._ttl = ttl
        self._clock = clock
        self._on_gained = on_gained
        self._on_lost = on_lost
        self._held: dict[str, Lease] = {}
        self._valid_until = -math.inf

    @property
    def is_valid(self) -> bool:
        """Whether this process may act for what it holds."""
        return self._clock.monotonic() < self._valid_until

    @property
    def seconds_left(self) -> float:
        """For how long this process may act, unless a heartbeat succeeds; 0 if no longer."""
        return max(self._valid_until - self._clock.monotonic(), 0.0)

    def get(self, name: str) -> Lease | None:
        """Return a lease that is held and valid."""
        return self._held.get(name) if self.is_valid else None

    def fences(self) -> Collection[int]:
        """Return the fences of all valid leases; thread-safe."""
        return [lease.fence for lease in tuple(self._held.values())] if self.is_valid else []

    def holds_fence(self, fence: int | None) -> bool:
        """Return whether a run with this fence is this process's."""
        return fence is not None and fence in self.fences()

    async def run(self) -> None:
        """Hold leases for as long as the task runs; ``leave`` gives them back."""
        interval = self._ttl.total_seconds() / _BEATS_PER_LIFE
        while True:
            try:
                await self.beat()
            except StoreError as error:
                log.warning("heartbeat_failed", error=str(error), seconds_left=round(self.seconds_left, 1))
            # Wake when the leases expire, if that is earlier: the loss must be noticed then.
            await self._clock.sleep(min(interval, self.seconds_left) or interval)
            if self._held and not self.is_valid:
                await self._lose(tuple(self._held.values()))

    async def beat(self) -> None:
        """Renew what is held, give back what is too much, and claim what is free; StoreError if that fails."""
        sent = self._clock.monotonic()
        beat = await self._leases.beat(self.me, ttl=self._ttl)
        await self._lose([lease for lease in self._held.values() if beat.held.get(lease.name) != lease.fence])
        self._valid_until = sent + self._ttl.total_seconds() * (1 - _MARGIN)
        self.processes = beat.processes
        await self._give_back(beat)
        await self._claim(beat)

    async def leave(self) -> None:
        """Give everything back at once; the caller has stopped everything that was done under the leases."""
        self._held.clear()
        self._valid_until = -math.inf
        try:
            await self._leases.leave(self.me.id)
        except StoreError as error:
            log.warning("leases_not_released", error=str(error))  # they expire

    async def _claim(self, beat: Beat) -> None:
        free = [name for name in self._shards if name not in beat.owners]
        room = self._share() - self._count_shards()
        claimed: dict[str, int] = {}
        if free and room > 0:
            claimed |= await self._leases.claim(
                self.me.id, self._shards, most=room, ttl=self._ttl, orphans=self._shards[0]
            )
        if MAINTENANCE not in beat.owners:
            claimed |= await self._leases.claim(self.me.id, [MAINTENANCE], most=1, ttl=self._ttl)
        for name, fence in claimed.items():
            lease = self._held[name] = Lease(name, fence)
            log.info("lease_gained", lease=name, fence=fence)
            await self._on_gained(lease)

    async def _give_back(self, beat: Beat) -> None:
        """Give one shard to a process that has too few, if this one has more than its share."""
        counts = {process.id: 0 for process in beat.processes}
        for name, owner in beat.owners.items():
            if name != MAINTENANCE and owner in counts:
                counts[owner] += 1
        if not counts or (self._count_shards() <= self._share() and self._count_shards() - min(counts.values()) < 2):
            return
        if any(name not in beat.owners for name in self._shards):
            return  # the others take those first
        name = max(name for name in self._held if name != MAINTENANCE)
        await self._lose([self._held[name]])
        await self._leases.release(self.me.id, [name])

    async def _lose(self, lost: Collection[Lease]) -> None:
        for lease in lost:
            self._held.pop(lease.name, None)
            log.warning("lease_lost", lease=lease.name, fence=lease.fence)
        await asyncio.gather(*(self._on_lost(lease) for lease in lost))

    def _share(self) -> int:
        return math.ceil(len(self._shards) / max(len(self.processes), 1))

    def _count_shards(self) -> int:
        return sum(name != MAINTENANCE for name in self._held)


def shard_lease(number: int, count: int) -> str:
    """Return the name of a shard's lease; the first one sorts first."""
    return f"shard:{number:05}/{count}"
