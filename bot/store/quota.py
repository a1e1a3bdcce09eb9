"""Count a person's runs against their limits, in the transaction that adds one more.

A run is active until it has ended. It counts towards the day if it was sent or may still be sent: a run that was
canceled or failed before anything left for Replicate costs nothing. Erased runs keep counting, or erasing would reset
the day. A server's own limits count the runs in that server alone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, CompoundSelect, Connection, Select, bindparam, func, or_, select, union_all

from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.tables import erased_runs, runs

DAY: Final = timedelta(days=1)

# On SQLite, the transaction holds the write lock. On PostgreSQL, two could count at once and both insert.
_LOCK_AUTHOR: Final = select(func.pg_advisory_xact_lock(bindparam("author_id", type_=BigInteger)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQuota:
    """How many runs a person may have in a server, at once and in 24 hours; None is no limit of the server's."""

    guild_id: int
    at_once: int | None = None
    per_day: int | None = None


_not_starting = runs.c.id.not_in(bindparam("starting", expanding=True))
_COUNT_ACTIVE: Final = (
    select(func.count())
    .select_from(runs)
    .where(
        runs.c.author_id == bindparam("author_id"),
        runs.c.ended_at.is_(None),
        _not_starting,
    )
)

_stored = select(runs.c.created_at).where(
    runs.c.author_id == bindparam("author_id"),
    runs.c.created_at > bindparam("since"),
    or_(runs.c.sent_at.is_not(None), runs.c.ended_at.is_(None)),
    _not_starting,
)
_erased = select(erased_runs.c.created_at).where(
    erased_runs.c.author_id == bindparam("author_id"),
    erased_runs.c.created_at > bindparam("since"),
)
_LAST_DAY: Final = union_all(_stored, _erased).order_by("created_at")
_HERE: Final = runs.c.guild_id == bindparam("guild_id")
_COUNT_ACTIVE_HERE: Final = _COUNT_ACTIVE.where(_HERE)
_LAST_DAY_HERE: Final = union_all(
    _stored.where(_HERE), _erased.where(erased_runs.c.guild_id == bindparam("guild_id"))
).order_by("created_at")


def check_quota(
    connection: Connection,
    author_id: int,
    *,
    at: datetime,
    starting: Collection[str] = (),
    active_limit: int | None,
    daily_limit: int | None,
    server: ServerQuota | None = None,
) -> QuotaExceeded | None:
    """Return the limit that a run created ``at`` would exceed, or None if it may be added; None is no limit.

    ``starting`` are ids of the same person's runs, which count whether they are stored yet or not; in a server, too,
    though some of them may start elsewhere: they are at most a few, for a moment.

    The error is returned, not raised: an exception would roll back every job that shares the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_AUTHOR, {"author_id": author_id})
    values = {"author_id": author_id, "since": at - DAY, "starting": list(starting)}
    exceeded = _check(connection, values, active_limit, daily_limit, active=_COUNT_ACTIVE, last_day=_LAST_DAY)
    if exceeded is not None or server is None:
        return exceeded
    return _check(
        connection,
        {**values, "guild_id": server.guild_id},
        server.at_once,
        server.per_day,
        active=_COUNT_ACTIVE_HERE,
        last_day=_LAST_DAY_HERE,
    )


def _check(
    connection: Connection,
    values: dict[str, Any],
    active_limit: int | None,
    daily_limit: int | None,
    *,
    active: Select[Any],
    last_day: CompoundSelect[Any],
) -> QuotaExceeded | None:
    in_server = "guild_id" in values
    starting = len(values["starting"])
    if active_limit is not None:
        used = connection.execute(active, values).scalar_one() + starting
        if used >= active_limit:
            return QuotaExceeded(QuotaKind.ACTIVE, limit=active_limit, used=used, in_server=in_server)
    if daily_limit is not None:
        times = connection.execute(last_day, values).scalars().all()
        used = len(times) + starting
        if used >= daily_limit:
            first = used - daily_limit  # once this one is a day old, there is room again
            now = values["since"] + DAY
            retry_at = (times[first] if first < len(times) else now) + DAY if daily_limit else None
            return QuotaExceeded(QuotaKind.DAILY, limit=daily_limit, used=used, retry_at=retry_at, in_server=in_server)
    return None


def count_runs(connection: Connection, author_id: int, guild_id: int | None, *, at: datetime) -> tuple[int, int]:
    """Return how many runs of a person count at once and in 24 hours, in one server or, for None, everywhere."""
    values: dict[str, Any] = {"author_id": author_id, "since": at - DAY, "starting": []}
    active, last_day = _COUNT_ACTIVE, _LAST_DAY
    if guild_id is not None:
        active, last_day, values["guild_id"] = _COUNT_ACTIVE_HERE, _LAST_DAY_HERE, guild_id
    count: int = connection.execute(active, values).scalar_one()
    return count, len(connection.execute(last_day, values).all())
