"""The rows of leases in memory and in virtual time, reached through a network that delays and loses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TypeVar

from bot.clock import Clock
from bot.store.errors import StoreError
from bot.store.leases import Beat, ProcessInfo

T = TypeVar("T")


@dataclass
class Row:
    fence: int
    owner: str | None = None
    expires_at: float = 0.0


@dataclass
class LeaseTable:
    """What the server has; its time is that of the clock."""

    clock: Clock
    rows: dict[str, Row] = field(default_factory=dict)
    processes: dict[str, tuple[ProcessInfo, float]] = field(default_factory=dict)
    fences: "count[int]" = field(default_factory=lambda: count(1))

    def is_free(self, row: Row) -> bool:
        return row.owner is None or row.expires_at < self.clock.monotonic()

    def owners(self) -> dict[str, str]:
        return {name: row.owner for name, row in self.rows.items() if row.owner and not self.is_free(row)}


class FakeLeases:
    """One process's connection; ``to_server`` and ``from_server`` delay each request and answer, in seconds."""

    def __init__(self, table: LeaseTable) -> None:
        self._table = table
        self.to_server = self.from_server = 0.0
        self.refusing = False
        self.calls: list[str] = []

    def heal(self) -> None:
        self.to_server = self.from_server = 0.0
        self.refusing = False

    async def beat(self, me: ProcessInfo, *, ttl: timedelta) -> Beat:
        await self._arrive("beat")
        table, now = self._table, self._table.clock.monotonic()
        table.processes[me.id] = (me, now + ttl.total_seconds())
        held: dict[str, int] = {}
        for name, row in table.rows.items():
            if row.owner == me.id and not table.is_free(row):
                row.expires_at = now + ttl.total_seconds()
                held[name] = row.fence
        live = tuple(process for process, expires_at in table.processes.values() if expires_at >= now)
        return await self._answer(Beat(held, table.owners(), live))

    async def claim(
        self, me: str, names: Iterable[str], *, most: int, ttl: timedelta, orphans: str | None = None
    ) -> Mapping[str, int]:
        del orphans  # there are no runs
        await self._arrive("claim")
        claimed: dict[str, int] = {}
        for name in names:
            row = self._table.rows.setdefault(name, Row(next(self._table.fences)))
            if len(claimed) < most and self._table.is_free(row):
                row.owner, row.fence = me, next(self._table.fences)
                row.expires_at = self._table.clock.monotonic() + ttl.total_seconds()
                claimed[name] = row.fence
        return await self._answer(claimed)

    async def adopt_orphans(self, me: str, fence: int, *, shards: Iterable[str]) -> int:
        del me, fence, shards  # there are no runs
        await self._arrive("adopt_orphans")
        return await self._answer(0)

    async def release(self, me: str, names: Iterable[str]) -> None:
        await self._arrive("release")
        for name in names:
            if self._table.rows[name].owner == me:
                self._table.rows[name].owner = None
        await self._answer(None)

    async def leave(self, me: str) -> None:
        await self._arrive("leave")
        for row in self._table.rows.values():
            if row.owner == me:
                row.owner = None
        self._table.processes.pop(me, None)

    async def _arrive(self, call: str) -> None:
        self.calls.append(call)
        if self.to_server:
            await self._table.clock.sleep(self.to_server)
        if self.refusing:
            raise StoreError("The database server cannot be reached.")

    async def _answer(self, answer: T) -> T:
        if self.from_server:
            await self._table.clock.sleep(self.from_server)
        return answer
