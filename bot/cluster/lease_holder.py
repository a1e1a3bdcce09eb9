"""The leases that this process holds: claim, renew, share with the others, and notice their loss in time.

Validity is judged by this process's own monotonic clock: a lease is valid until the time at which the last successful
heartbeat was *sent* plus its time to live, which is never later than what the database says. So a process that is cut
off from the database stops acting before another one can claim what it holds. A lease that has expired once is lost,
also if the next heartbeat succeeds: what was done under it has stopped.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from bot.aio import race
from bot.clock import Clock
from bot.store.errors import LeaseLost, StoreError
from bot.store.leases import Beat, Leases, ProcessInfo
from bot.store.models import Place

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAINTENANCE: Final = "maintenance"

_BEATS_PER_LIFE: Final = 4
# Time for what was checked just before a lease expired to take effect, as a part of its life.
_MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process holds. ``fence`` marks its runs; ``shard`` is None for one of another kind."""

    name: str
    fence: int
    shard: int | None = None


class LeaseHolder:
    """Claims a fair share of the shards' leases, and one of each other kind; implements Ownership.

    ``on_gained`` is called for each lease that was claimed, or got further runs, and returns at once. ``on_lost`` is
    awaited for each that expired or is about to be given back: when it returns, nothing is done under the lease any
    more. It is told for how many seconds what had begun may go on.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        me: ProcessInfo,
        ttl: timedelta,
        clock: Clock,
        on_gained: Callable[[Lease], None],
        on_lost: Callable[[Lease, float], Awaitable[None]],
    ) -> None:
        self.me = me
        self.processes: Sequence[ProcessInfo] = (me,)
        self.shards: Sequence[str] = ()
        self._leases = leases
        self._ttl = ttl
        self._clock = clock
        self._on_gained = on_gained
        self._on_lost = on_lost
        self._held: dict[str, Lease] = {}
        self._losing: set[Lease] = set()
        self._valid_until = -math.inf

    @property
    def is_valid(self) -> bool:
        """Whether this process may act for what it holds."""
        return self._clock.monotonic() < self._valid_until

    @property
    def held(self) -> Collection[Lease]:
        """The leases that are held and valid."""
        return tuple(self._held.values()) if self.is_valid else ()

    def get(self, name: str) -> Lease | None:
        """Return a lease that is held and valid."""
        return self._held.get(name) if self.is_valid else None

    def fences(self) -> Collection[int]:
        """Return the fences whose runs this process may change, if the database still has them as its own."""
        return [lease.fence for lease in (*self._held.values(), *self._losing)]

    def choose_fence(self, place: Place) -> int | None:
        """Return the fence of the shard that a run belongs to; LeaseLost if this process holds no shard.

        Direct messages, and servers that the bot is not a member of, belong to the first shard. Discord may send the
        interactions of a shard to its last owner for a moment; that one's own shards keep such a run.
        """
        held = {lease.shard: lease for lease in self.held if lease.shard is not None}
        if not held:
            raise LeaseLost
        guild_id = 0 if place.token_only else place.guild_id or 0
        shard = (guild_id >> 22) % len(self.shards)
        return held.get(shard, next(iter(held.values()))).fence

    def seconds_left(self, fence: int | None) -> float:
        """Return for how long this process may act for runs with this fence, unless a heartbeat succeeds; else 0.0."""
        if all(lease.fence != fence for lease in self._held.values()):
            return 0.0
        return self._seconds_left()

    async def run(self, shards: int) -> None:
        """Hold leases of so many shards for as long as the task runs; ``leave`` gives them back."""
        self.shards = [shard_lease(number, shards) for number in range(shards)]
        interval = self._ttl.total_seconds() / _BEATS_PER_LIFE
        while True:
            try:
                await self.beat()
            except StoreError as error:
                log.warning("heartbeat_failed", error=str(error), seconds_left=round(self._seconds_left(), 1))
            await self._lose_expired()
            # Wake when the leases expire, if that is earlier: the loss must be noticed then.
            await self._clock.sleep(min(interval, self._seconds_left()) if self._held else interval)
            await self._lose_expired()

    async def beat(self) -> None:
        """Renew what is held, give back what is too much, and claim what is free; StoreError if that fails."""
        sent = self._clock.monotonic()
        beat = await self._in_time(self._leases.beat(self.me, ttl=self._ttl))
        await self._lose_expired()
        await self._lose([lease for lease in self._held.values() if beat.held.get(lease.name) != lease.fence])
        self._valid_until = sent + self._ttl.total_seconds() * (1 - _MARGIN)
        self.processes = beat.processes
        # It was given up here, or claimed with an answer that did not come.
        if unknown := [name for name in beat.held if name not in self._held]:
            await self._in_time(self._leases.release(self.me.id, unknown))
            return
        await self._give_back(beat)
        await self._claim(beat)
        await self._adopt_orphans()

    async def leave(self) -> None:
        """Give everything back at once; the caller has stopped everything that was done under the leases."""
        self._held.clear()
        self._valid_until = -math.inf
        try:
            await self._leases.leave(self.me.id)
        except StoreError as error:
            log.warning("leases_not_released", error=str(error))  # they expire

    async def _in_time(self, request: Awaitable[T]) -> T:
        """Return the database's answer; StoreError if what is held expires before it comes."""
        answers: list[T] = []

        async def receive() -> None:
            answers.append(await request)

        if self._held:
            await race(receive(), self._clock.sleep(self._seconds_left()))
        else:
            await receive()
        if not answers:
            raise StoreError("The database did not answer in time.")
        return answers[0]

    async def _claim(self, beat: Beat) -> None:
        claimed: dict[str, int] = {}
        room = self._share() - self._count_shards()
        if room > 0 and any(name not in beat.owners for name in self.shards):
            claimed |= await self._take(self.shards, most=room, orphans=self.shards[0])
        if MAINTENANCE not in beat.owners:
            claimed |= await self._take([MAINTENANCE], most=1)
        if not self.is_valid:
            return  # the answer took too long: the next heartbeat gives them back
        for name, fence in claimed.items():
            shard = self.shards.index(name) if name in self.shards else None
            lease = self._held[name] = Lease(name, fence, shard)
            log.info("lease_gained", lease=name, fence=fence)
            self._on_gained(lease)

    async def _adopt_orphans(self) -> None:
        """Take the runs of leases that exist no more, if this process has the first shard."""
        lease = self.get(self.shards[0])
        if lease is not None:
            request = self._leases.adopt_orphans(self.me.id, lease.fence, shards=self.shards)
            if (count := await self._in_time(request)) and self.get(lease.name) == lease:
                log.warning("runs_adopted", lease=lease.name, count=count)
                self._on_gained(lease)

    async def _take(self, names: Sequence[str], *, most: int, orphans: str | None = None) -> Mapping[str, int]:
        request = self._leases.claim(self.me.id, names, most=most, ttl=self._ttl, orphans=orphans)
        return await self._in_time(request)

    async def _give_back(self, beat: Beat) -> None:
        """Give one shard to a process that has too few, if this one has more than its share."""
        counts = {process.id: 0 for process in beat.processes}
        for name in self.shards:
            if (owner := beat.owners.get(name)) is None:
                return  # those that have too few take that one first
            if owner in counts:
                counts[owner] += 1
        own = self._count_shards()
        if not counts or (own <= self._share() and own - min(counts.values()) < 2):
            return
        lease = self._held[max(name for name in self._held if name != MAINTENANCE)]
        await self._lose([lease])
        await self._in_time(self._leases.release(self.me.id, [lease.name]))

    async def _lose_expired(self) -> None:
        if not self.is_valid:
            await self._lose(tuple(self._held.values()))

    async def _lose(self, lost: Collection[Lease]) -> None:
        grace = min(self._ttl.total_seconds() / _BEATS_PER_LIFE, self._seconds_left())
        self._losing.update(lost)
        for lease in lost:
            del self._held[lease.name]
            log.warning("lease_lost", lease=lease.name, fence=lease.fence)
        try:
            await asyncio.gather(*(self._on_lost(lease, grace) for lease in lost))
        finally:
            self._losing.difference_update(lost)

    def _share(self) -> int:
        return math.ceil(len(self.shards) / max(len(self.processes), 1))

    def _count_shards(self) -> int:
        return sum(lease.shard is not None for lease in self._held.values())

    def _seconds_left(self) -> float:
        return max(self._valid_until - self._clock.monotonic(), 0.0)


def shard_lease(number: int, count: int) -> str:
    """Return the name of a shard's lease; the first one sorts first."""
    return f"shard:{number:05}/{count}"
