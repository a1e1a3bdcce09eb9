"""Leases: which of several processes owns which runs. Used on PostgreSQL alone; SQLite has one process.

A lease is a row with an owner, a fence and a time at which it expires. All times are the database's, so that clocks of
machines do not matter. Every claim takes a new fence from one sequence, in the transaction that writes it into each
undelivered run of the lease. A transition of a run names the fences that its process holds, so a process that has lost
a lease, without knowing it yet, changes no row of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    text,
    update,
)

from bot.store.database import Database
from bot.store.tables import insert_into, lease_fences, leases, processes, runs

_MICROSECONDS: Final = 1_000_000
# The clock of the server now, not at the beginning of the transaction; in microseconds, as all times here.
_NOW: Final = literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint", BigInteger)
_UNTIL: Final = _NOW + bindparam("ttl", type_=BigInteger)
_IS_FREE: Final = or_(leases.c.owner.is_(None), leases.c.expires_at < _NOW)

_RENEW: Final = (
    update(leases)
    .where(leases.c.owner == bindparam("me"), leases.c.expires_at >= _NOW)
    .values(expires_at=_UNTIL)
    .returning(leases.c.name, leases.c.fence)
)
_SELECT_FREE: Final = (
    select(leases.c.name, leases.c.fence)
    .where(_IS_FREE, leases.c.name.in_(bindparam("names", expanding=True)))
    .order_by(leases.c.name)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE: Final = (
    update(leases)
    .where(leases.c.name == bindparam("lease"))
    .values(owner=bindparam("me"), fence=lease_fences.next_value(), expires_at=_UNTIL)
    .returning(leases.c.fence)
)
_ADOPT: Final = (
    update(runs).where(runs.c.delivered_at.is_(None), runs.c.fence == bindparam("old")).values(fence=bindparam("new"))
)
_ADOPT_ORPHANS: Final = (
    update(runs)
    .where(runs.c.delivered_at.is_(None), or_(runs.c.fence.is_(None), runs.c.fence.not_in(select(leases.c.fence))))
    .values(fence=bindparam("new"))
)
_DELETE_OTHER_SHARDS: Final = delete(leases).where(
    leases.c.name.like("shard:%"), leases.c.name.not_in(bindparam("names", expanding=True)), _IS_FREE
)
_LOCK_OWN: Final = (
    select(leases.c.name)
    .where(leases.c.owner == bindparam("me"), leases.c.fence == bindparam("fence"), leases.c.expires_at >= _NOW)
    .with_for_update(read=True)
)
_RELEASE: Final = (
    update(leases)
    .where(leases.c.owner == bindparam("me"), leases.c.name.in_(bindparam("names", expanding=True)))
    .values(owner=None, expires_at=None)
)
_RELEASE_ALL: Final = update(leases).where(leases.c.owner == bindparam("me")).values(owner=None, expires_at=None)
_DELETE_PROCESS: Final = delete(processes).where(processes.c.id == bindparam("me"))
_DELETE_DEAD: Final = delete(processes).where(processes.c.expires_at < _NOW - bindparam("grace", type_=BigInteger))
_SELECT_LIVE: Final = select(processes).where(processes.c.expires_at >= _NOW).order_by(processes.c.started_at)
_SELECT_OWNED: Final = select(leases.c.name, leases.c.owner).where(leases.c.expires_at >= _NOW)
_LOCK_PROCESSES: Final = text("LOCK TABLE processes IN EXCLUSIVE MODE")
_DEAD_FOR: Final = 3600 * _MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInfo:
    """A process of the bot, as the others see it."""

    id: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat brought.

    ``held`` has the fence of each lease that this process still holds, ``owners`` the process of every lease that
    somebody holds, and ``processes`` those that live, the oldest first.
    """

    held: Mapping[str, int]
    owners: Mapping[str, str]
    processes: Sequence[ProcessInfo]


class Leases:
    """The rows of ``leases`` and ``processes``. Every method is one transaction; StoreError if it fails.

    Their transactions wait for no other of this process: a heartbeat behind a long one would come too late.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, me: ProcessInfo, *, ttl: timedelta) -> Beat:
        """Say that the process lives, and renew every lease that it holds."""
        return await self._database.write_at_once(lambda connection: _beat(connection, me, _to_microseconds(ttl)))

    async def claim(
        self, me: str, names: Iterable[str], *, most: int, ttl: timedelta, orphans: str | None = None
    ) -> Mapping[str, int]:
        """Take up to ``most`` of the leases that nobody holds, with their undelivered runs; return their fences.

        Whoever takes the lease ``orphans`` takes the runs of no lease as well.
        """
        wanted = tuple(names)
        values = {"me": me, "ttl": _to_microseconds(ttl)}
        return await self._database.write_at_once(lambda connection: _claim(connection, wanted, most, values, orphans))

    async def list_held(self) -> Collection[str]:
        """Return the names of the leases that somebody holds."""
        return await self._database.read(lambda connection: [row.name for row in connection.execute(_SELECT_OWNED)])

    async def adopt_orphans(self, me: str, fence: int, *, shards: Iterable[str]) -> int:
        """Give the undelivered runs of no lease to the lease with this fence, if it is ours; return how many.

        Leases of other ``shards`` than today's, which nobody holds any more, are deleted first: the number of shards
        may change while processes are replaced.
        """
        values = {"me": me, "fence": fence}
        names = list(shards)
        return await self._database.write_at_once(lambda connection: _adopt_orphans(connection, values, names))

    async def release(self, me: str, names: Iterable[str]) -> None:
        """Give leases back, so that others can take them at once."""
        values = {"me": me, "names": list(names)}
        await self._database.write_at_once(lambda connection: connection.execute(_RELEASE, values).close())

    async def leave(self, me: str) -> None:
        """Give everything back and be gone."""
        await self._database.write_at_once(lambda connection: _leave(connection, me))


def keep_processes_out(connection: Connection) -> Sequence[ProcessInfo]:
    """Let no process start to work on the database until this transaction ends; return those that do, if any.

    None starts without a heartbeat, which waits for the lock.
    """
    if connection.dialect.name != "postgresql":
        return ()
    connection.execute(_LOCK_PROCESSES)
    return _read_live(connection)


def _read_live(connection: Connection) -> Sequence[ProcessInfo]:
    return tuple(
        ProcessInfo(id=row.id, host=row.host, pid=row.pid, version=row.version)
        for row in connection.execute(_SELECT_LIVE)
    )


def _beat(connection: Connection, me: ProcessInfo, ttl: int) -> Beat:
    values: dict[str, Any] = {"id": me.id, "host": me.host, "pid": me.pid, "version": me.version}
    statement = insert_into(connection, processes).values(**values, started_at=_NOW, expires_at=_UNTIL)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"expires_at": statement.excluded.expires_at}),
        {"ttl": ttl},
    )
    connection.execute(_DELETE_DEAD, {"grace": _DEAD_FOR})
    held = {row.name: row.fence for row in connection.execute(_RENEW, {"me": me.id, "ttl": ttl})}
    live = _read_live(connection)
    owners = {row.name: row.owner for row in connection.execute(_SELECT_OWNED)}
    return Beat(held, owners, live)


def _claim(
    connection: Connection, names: Sequence[str], most: int, values: Mapping[str, Any], orphans: str | None
) -> Mapping[str, int]:
    _create_missing(connection, names)
    free = connection.execute(_SELECT_FREE, {"names": list(names), "most": most}).all()
    fences: dict[str, int] = {}
    for row in free:
        fence: int = connection.execute(_TAKE, {**values, "lease": row.name}).scalar_one()
        connection.execute(_ADOPT, {"old": row.fence, "new": fence})
        if row.name == orphans:
            connection.execute(_ADOPT_ORPHANS, {"new": fence})
        fences[row.name] = fence
    return fences


def _adopt_orphans(connection: Connection, values: Mapping[str, Any], names: Sequence[str]) -> int:
    if connection.execute(_LOCK_OWN, values).first() is None:
        return 0
    connection.execute(_DELETE_OTHER_SHARDS, {"names": names})
    return connection.execute(_ADOPT_ORPHANS, {"new": values["fence"]}).rowcount


def _create_missing(connection: Connection, names: Sequence[str]) -> None:
    known = set(connection.execute(select(leases.c.name)).scalars())
    for name in names:
        if name not in known:
            statement = insert_into(connection, leases).values(name=name, fence=lease_fences.next_value())
            connection.execute(statement.on_conflict_do_nothing())


def _leave(connection: Connection, me: str) -> None:
    connection.execute(_RELEASE_ALL, {"me": me})
    connection.execute(_DELETE_PROCESS, {"me": me})


def _to_microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
