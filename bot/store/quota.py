"""Count a person's runs against their limits, in the transaction that adds one more.

A run is active until it has ended. It counts towards the day if it was sent or may still be sent: a run that was
canceled or failed before anything left for Replicate costs nothing. Erased runs keep counting, or erasing would reset
the day.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, func, or_, select, union_all

from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.tables import erased_runs, runs

DAY: Final = timedelta(days=1)

# On SQLite, the transaction holds the write lock. On PostgreSQL, two could count at once and both insert.
_LOCK_AUTHOR: Final = select(func.pg_advisory_xact_lock(bindparam("author_id", type_=BigInteger)))

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


def check_quota(
    connection: Connection,
    author_id: int,
    *,
    at: datetime,
    starting: Collection[str] = (),
    active_limit: int | None,
    daily_limit: int | None,
) -> QuotaExceeded | None:
    """Return the limit that a run created ``at`` would exceed, or None if it may be added; None is no limit.

    ``starting`` are ids of the same person's runs, which count whether they are stored yet or not.

    The error is returned, not raised: an exception would roll back every job that shares the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_AUTHOR, {"author_id": author_id})
    if active_limit is not None:
        stored: int = connection.execute(
            _COUNT_ACTIVE, {"author_id": author_id, "starting": list(starting)}
        ).scalar_one()
        active = stored + len(starting)
        if active >= active_limit:
            return QuotaExceeded(QuotaKind.ACTIVE, limit=active_limit, used=active)
    if daily_limit is not None:
        since = at - DAY
        times = (
            connection.execute(_LAST_DAY, {"author_id": author_id, "since": since, "starting": list(starting)})
            .scalars()
            .all()
        )
        used = len(times) + len(starting)
        if used >= daily_limit:
            first = used - daily_limit  # once this one is a day old, there is room again
            retry_at = (times[first] if first < len(times) else at) + DAY if daily_limit else None
            return QuotaExceeded(QuotaKind.DAILY, limit=daily_limit, used=used, retry_at=retry_at)
    return None
