"""What is stored of a person's spending: exported, erased, and deleted when it is old.

What people have spent stays in the sums of everybody, without their id. Their own sums of the month stay until they are
too old for any budget: erasing does not reset one.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, select, union, update

from bot.limits import BUDGET_SUMS_KEPT, RUN_SAMPLES_KEPT
from bot.money.budgets import Period, Scope, budget_key, day_of
from bot.store.budgets import forget_author, forget_old_authors
from bot.store.database import Database
from bot.store.tables import Day, Time, budget_sums, budgets, run_samples, runs, usage_days

_BATCH: Final = 200

_CLEAR_SET_BY: Final = update(budgets).where(budgets.c.set_by == bindparam("person")).values(set_by=None)
_THEIR_SUMS: Final = budget_sums.c.key.in_(bindparam("keys", expanding=True))
_DELETE_THEIR_OLD_SUMS: Final = delete(budget_sums).where(
    _THEIR_SUMS, budget_sums.c.day < bindparam("before", type_=Day)
)
_SELECT_SUMS: Final = select(budget_sums).where(_THEIR_SUMS).order_by(budget_sums.c.key, budget_sums.c.day)
_SELECT_GUILDS: Final = union(
    select(usage_days.c.guild_id).where(usage_days.c.author_id == bindparam("author_id")),
    select(runs.c.guild_id).where(runs.c.author_id == bindparam("author_id"), runs.c.guild_id.is_not(None)),
)
_SELECT_BUDGETS: Final = (
    select(budgets)
    .where(budgets.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(budgets.c.key, budgets.c.period)
)
_COUNT_SPENDING: Final = select(
    func.coalesce(func.sum(usage_days.c.spent), 0).label("spent"), func.min(usage_days.c.day).label("since")
).where(usage_days.c.author_id == bindparam("author_id"))
_SELECT_USAGE: Final = (
    select(usage_days)
    .where(usage_days.c.author_id == bindparam("author_id"))
    .order_by(usage_days.c.day, usage_days.c.guild_id, usage_days.c.command)
)

_DELETE_SAMPLES: Final = delete(run_samples).where(run_samples.c.taken_at <= bindparam("before", type_=Time))
_OLD_SUMS: Final = (
    select(budget_sums.c.key, budget_sums.c.day).where(budget_sums.c.day < bindparam("before", type_=Day)).limit(_BATCH)
)
_DELETE_SUM: Final = delete(budget_sums).where(
    budget_sums.c.key == bindparam("of_key"), budget_sums.c.day == bindparam("of_day", type_=Day)
)


def erase_spending(connection: Connection, author_id: int, *, now: datetime) -> None:
    """Take a person's id out of what was spent, and delete their own sums of the months before."""
    connection.execute(_CLEAR_SET_BY, {"person": author_id})
    keys = _list_budget_keys(connection, author_id)
    connection.execute(_DELETE_THEIR_OLD_SUMS, {"keys": keys, "before": Period.MONTH.begin(day_of(now))})
    forget_author(connection, author_id)


def count_spending(connection: Connection, author_id: int) -> tuple[int, date | None]:
    """Return what a person's runs have cost, in micro-dollars, and the first day of it; None if nothing is stored."""
    row = connection.execute(_COUNT_SPENDING, {"author_id": author_id}).one()
    return int(row.spent), row.since  # PostgreSQL adds integers up to a decimal number


def export_spending(connection: Connection, author_id: int) -> dict[str, Any]:
    """Return what a person has spent, and the budgets that are for them alone, as JSON values."""
    keys = _list_budget_keys(connection, author_id)
    own_budgets = [_to_json(row) for row in connection.execute(_SELECT_BUDGETS, {"keys": keys})]
    return {
        "spending": [_to_json(row) for row in connection.execute(_SELECT_USAGE, {"author_id": author_id})],
        "budget_sums": [_to_json(row) for row in connection.execute(_SELECT_SUMS, {"keys": keys})],
        "budgets": [{name: value for name, value in row.items() if name != "set_by"} for row in own_budgets],
    }


async def delete_expired_spending(database: Database, now: datetime, *, runs_for: timedelta | None) -> None:
    """Delete old samples and sums, in small batches, and take the ids out of what is older than the record of a run."""
    await database.write(
        lambda connection: connection.execute(_DELETE_SAMPLES, {"before": now - RUN_SAMPLES_KEPT}).rowcount
    )
    await _repeat(database, partial(_delete_old_sums, before=day_of(now - BUDGET_SUMS_KEPT)))
    if runs_for is not None:
        await _repeat(database, partial(forget_old_authors, before=day_of(now - runs_for), limit=_BATCH))


async def _repeat(database: Database, change: Callable[[Connection], int]) -> None:
    while await database.write(change):
        pass


def _delete_old_sums(connection: Connection, *, before: date) -> int:
    old = connection.execute(_OLD_SUMS, {"before": before}).all()
    if old:
        connection.execute(_DELETE_SUM, [{"of_key": row.key, "of_day": row.day} for row in old])
    return len(old)


def _list_budget_keys(connection: Connection, author_id: int) -> list[str]:
    """Return the keys that a person's own spending is summed under."""
    guilds = connection.execute(_SELECT_GUILDS, {"author_id": author_id}).scalars()
    members = [budget_key(Scope.MEMBER, guild, author_id) for guild in guilds if guild]
    return [budget_key(Scope.PERSON, author_id), *members]


def _to_json(row: Row[Any]) -> dict[str, Any]:
    values = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
