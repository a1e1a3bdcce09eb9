"""Quota: how many runs a person may have, counted in the transaction that adds one more.

A run counts as active until it has ended. It counts for a day if it was sent or may still be: what was stopped or
failed before anything left for Replicate costs nothing. Erased runs go on counting, or erasing would refill the day.
"""

import math
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, func, or_, select, union_all

from bot.store.models import Run
from bot.store.tables import erased_runs, runs

DAY: Final = timedelta(days=1)

ACTIVE: Final = (
    select(func.count())
    .select_from(runs)
    .where(
        runs.c.author_id == bindparam("author_id"),
        runs.c.ended_at.is_(None),
    )
)

_kept = select(runs.c.created_at).where(
    runs.c.author_id == bindparam("author_id"),
    runs.c.created_at > bindparam("since"),
    or_(runs.c.sent_at.is_not(None), runs.c.ended_at.is_(None)),
)
_erased = select(erased_runs.c.created_at).where(
    erased_runs.c.author_id == bindparam("author_id"),
    erased_runs.c.created_at > bindparam("since"),
)
TODAY: Final = union_all(_kept, _erased).order_by("created_at")


def refusal(connection: Connection, run: Run, *, active_limit: int | None, daily_limit: int | None) -> str | None:
    """Return the sentence that refuses one more run to its author, or None when it may be added."""
    if active_limit is not None:
        active: int = connection.execute(ACTIVE, {"author_id": run.author_id}).scalar_one()
        if active >= active_limit:
            return _too_many_at_once(active)
    if daily_limit is not None:
        since = run.created_at - DAY
        today = connection.execute(TODAY, {"author_id": run.author_id, "since": since}).scalars().all()
        if len(today) >= daily_limit:
            return _too_many_today(daily_limit, free_at=today[-daily_limit] + DAY if daily_limit else None)
    return None


def _too_many_at_once(active: int) -> str:
    if active <= 1:
        return "You already have a run going. Wait for it, or stop it with ❌."
    return f"You already have {active} runs going. Wait for one, or stop one with ❌."


def _too_many_today(limit: int, *, free_at: datetime | None) -> str:
    if free_at is None:
        return "Runs are switched off here at the moment."
    used = "the one run" if limit == 1 else f"all {limit} runs"
    return (
        f"You have had {used} you may start in 24 hours. The next one is free <t:{math.ceil(free_at.timestamp())}:R>."
    )
