"""Count a person's runs against their limits, in the transaction that adds one more.

A run is active until it has ended. It counts towards the day if it was sent or may still be sent: a run that was
canceled or failed before anything left for Replicate costs nothing. Erased runs keep counting, or erasing would reset
the day. A server's own limits count the runs in that server alone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    Row,
    Select,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)

from bot.money.budgets import BudgetLimit
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.tables import Time, erased_runs, runs

DAY: Final = timedelta(days=1)

# On SQLite, the transaction holds the write lock. On PostgreSQL, two could count at once and both insert.
_LOCK_AUTHOR: Final = select(func.pg_advisory_xact_lock(bindparam("author_id", type_=BigInteger)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQuota:
    """How many runs a person may have in a server, at once and in 24 hours; None is no limit of the server's."""

    guild_id: int
    at_once: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What a run has to keep to when it is reserved.

    ``at_once`` and ``per_day`` (24 hours) are how many runs its author may have, and ``server`` how many in the server
    that it is in; None is no limit. ``budgets`` hold beside the stored ones, with keys that name one spender; the
    stored ones of the author's ``roles`` hold, too.
    """

    at_once: int | None = None
    per_day: int | None = None
    server: ServerQuota | None = None
    budgets: tuple[BudgetLimit, ...] = ()
    roles: frozenset[int] = frozenset()


NO_LIMITS: Final = RunLimits()


_BY_AUTHOR: Final = runs.c.author_id == bindparam("author_id")
_SINCE: Final = bindparam("since", type_=Time)
_ACTIVE: Final = runs.c.ended_at.is_(None)
_COUNT_ACTIVE: Final = select(func.count()).select_from(runs).where(_BY_AUTHOR, _ACTIVE)
_counts = or_(runs.c.sent_at.is_not(None), _ACTIVE)
_stored = select(runs.c.created_at).where(_BY_AUTHOR, runs.c.created_at > _SINCE, _counts)
_erased = select(erased_runs.c.created_at).where(
    erased_runs.c.author_id == bindparam("author_id"), erased_runs.c.created_at > _SINCE
)
_LAST_DAY: Final = union_all(_stored, _erased).order_by("created_at")
_HERE: Final = runs.c.guild_id == bindparam("guild_id")
_COUNT_ACTIVE_HERE: Final = _COUNT_ACTIVE.where(_HERE)
_LAST_DAY_HERE: Final = union_all(
    _stored.where(_HERE), _erased.where(erased_runs.c.guild_id == bindparam("guild_id"))
).order_by("created_at")

# All of it in one statement: each is a round trip, and people wait for this one.
_OF_DAY, _OLDER, _THIS_RUN = "day", "older", "this"
_not_starting = runs.c.id.not_in(bindparam("starting", expanding=True))
_columns = (runs.c.guild_id, runs.c.created_at, _ACTIVE.label("is_active"))
_used = union_all(
    select(literal(_OF_DAY).label("kind"), *_columns).where(
        _BY_AUTHOR, runs.c.created_at > _SINCE, _counts, _not_starting
    ),
    select(literal(_OLDER), *_columns).where(_BY_AUTHOR, _ACTIVE, runs.c.created_at <= _SINCE, _not_starting),
    select(literal(_OF_DAY), erased_runs.c.guild_id, erased_runs.c.created_at, false()).where(
        erased_runs.c.author_id == bindparam("author_id"), erased_runs.c.created_at > _SINCE
    ),
    select(literal(_THIS_RUN), *_columns).where(runs.c.id == bindparam("run_id")),
).subquery()
_kinds = (_used.c.kind, _used.c.guild_id, _used.c.is_active)
_USED: Final = select(*_kinds, func.count().label("number")).group_by(*_kinds)
_USED_TIMES: Final = (
    select(_used.c.guild_id, _used.c.created_at).where(_used.c.kind == _OF_DAY).order_by(_used.c.created_at)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """How many runs are active, and of the last 24 hours; ``times`` are when those were created, the oldest first."""

    active: int = 0
    day: int = 0
    times: Sequence[datetime] = ()

    def find_exceeded(
        self, limits: RunLimits | ServerQuota, *, at: datetime, starting: int = 0
    ) -> QuotaExceeded | None:
        at_once, per_day, in_server = limits.at_once, limits.per_day, isinstance(limits, ServerQuota)
        if at_once is not None and self.active + starting >= at_once:
            used = self.active + starting
            return QuotaExceeded(QuotaKind.ACTIVE, limit=at_once, used=used, in_server=in_server)
        if per_day is not None and self.day + starting >= per_day:
            used = self.day + starting
            first = used - per_day  # once this one is a day old, there is room again
            retry_at = (self.times[first] if first < len(self.times) else at) + DAY if per_day else None
            return QuotaExceeded(QuotaKind.DAILY, limit=per_day, used=used, retry_at=retry_at, in_server=in_server)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedQuota:
    """What counts against a person's limits ``at`` a time, everywhere and in one server, without runs about to start.

    ``is_started``: the run that this was read for is stored already.
    """

    at: datetime
    everywhere: _Used
    here: _Used
    is_started: bool

    def find_exceeded(self, limits: RunLimits, *, starting: int) -> QuotaExceeded | None:
        """Return the limit on runs that one more would exceed, beside so many that are about to start."""
        found = self.everywhere.find_exceeded(limits, at=self.at, starting=starting)
        if found is not None or limits.server is None:
            return found
        return self.here.find_exceeded(limits.server, at=self.at, starting=starting)


def read_used(
    connection: Connection,
    author_id: int,
    guild_id: int | None,
    *,
    run_id: str,
    at: datetime,
    starting: Collection[str] = (),
    has_times: bool = False,
) -> UsedQuota:
    """Return what counts against a person's limits, for a run that they want to start.

    ``starting`` are ids of the same person's runs that are left out, whether they are stored yet or not. ``has_times``:
    read also when they were created, of which there may be many.
    """
    values = {"author_id": author_id, "since": at - DAY, "starting": list(starting), "run_id": run_id}
    rows = connection.execute(_USED, values).all()
    counted = [row for row in rows if row.kind != _THIS_RUN]
    found = connection.execute(_USED_TIMES, values).all() if has_times else ()
    times = [(row.guild_id, row.created_at) for row in found]
    return UsedQuota(
        at=at,
        everywhere=_sum_up(counted, [time for _, time in times]),
        here=_sum_up(
            [row for row in counted if row.guild_id == guild_id], [time for guild, time in times if guild == guild_id]
        ),
        is_started=len(counted) < len(rows),
    )


def check_quota(connection: Connection, author_id: int, limits: RunLimits, *, at: datetime) -> QuotaExceeded | None:
    """Return the limit on runs that one created ``at`` would exceed, or None if it may be added.

    The error is returned, not raised: an exception would roll back every job that shares the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_AUTHOR, {"author_id": author_id})
    values: dict[str, Any] = {"author_id": author_id, "since": at - DAY}
    used = _read_limited(connection, values, limits, active=_COUNT_ACTIVE, last_day=_LAST_DAY)
    exceeded = used.find_exceeded(limits, at=at)
    if exceeded is not None or limits.server is None:
        return exceeded
    values["guild_id"] = limits.server.guild_id
    used = _read_limited(connection, values, limits.server, active=_COUNT_ACTIVE_HERE, last_day=_LAST_DAY_HERE)
    return used.find_exceeded(limits.server, at=at)


def _read_limited(
    connection: Connection,
    values: dict[str, Any],
    limits: RunLimits | ServerQuota,
    *,
    active: Select[Any],
    last_day: CompoundSelect[Any],
) -> _Used:
    """Return what counts against limits; what has no limit is not read."""
    times = connection.execute(last_day, values).scalars().all() if limits.per_day is not None else ()
    return _Used(
        active=connection.execute(active, values).scalar_one() if limits.at_once is not None else 0,
        day=len(times),
        times=times,
    )


def _sum_up(counted: Iterable[Row[Any]], times: Sequence[datetime]) -> _Used:
    active = day = 0
    for row in counted:
        active += row.number if row.is_active else 0
        day += row.number if row.kind == _OF_DAY else 0
    return _Used(active=active, day=day, times=times)


def count_runs(connection: Connection, author_id: int, guild_id: int | None, *, at: datetime) -> tuple[int, int]:
    """Return how many runs of a person count at once and in 24 hours, in one server or, for None, everywhere."""
    values: dict[str, Any] = {"author_id": author_id, "since": at - DAY}
    active, last_day = _COUNT_ACTIVE, _LAST_DAY
    if guild_id is not None:
        active, last_day, values["guild_id"] = _COUNT_ACTIVE_HERE, _LAST_DAY_HERE, guild_id
    count: int = connection.execute(active, values).scalar_one()
    return count, len(connection.execute(last_day, values).all())
