"""Delete what delivered runs have been kept for long enough, in small batches.

There are three retention periods: for uploaded files, for content (prompt, input, notes, output, failure, the entry in
the library) and for the row itself. The content of an author's favourites is kept as long as their row. Runs that are
not delivered are never touched. Each batch is a transaction of its own, so that a run never
waits long for the database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, select, update

from bot.limits import BUDGET_SUMS_KEPT, LEFT_SERVER_KEPT, REACTIONS_KEPT, REPORTS_KEPT, RUN_SAMPLES_KEPT
from bot.money.budgets import day_of
from bot.store import full_text, library
from bot.store.budgets import forget_old_authors
from bot.store.chain_runs import delete_lost_chains
from bot.store.creations import delete_left
from bot.store.database import Database
from bot.store.quota import DAY
from bot.store.refused_runs import delete_old_refused_runs
from bot.store.tables import (
    Day,
    Time,
    budget_sums,
    erased_runs,
    reports,
    result_reactions,
    run_files,
    run_samples,
    runs,
    server_blocks,
)
from bot.store.transitions import delete_runs

_ROW_BATCH: Final = 200
_FILE_BATCH: Final = 20  # secure_delete overwrites every byte of a file, and a file may have megabytes

_EXPIRED: Final = runs.c.delivered_at <= bindparam("before", type_=Time)
_BATCH: Final[BindParameter[str]] = bindparam("run_ids", expanding=True)

# Walks along the stored files once: each batch begins where the one before ended.
_RUNS_WITH_FILES: Final = (
    select(run_files.c.run_id)
    .distinct()
    .join(runs, runs.c.id == run_files.c.run_id)
    .where(run_files.c.run_id > bindparam("last"), _EXPIRED)
    .order_by(run_files.c.run_id)
    .limit(_FILE_BATCH)
)
_RUNS_WITH_CONTENT: Final = (
    select(runs.c.id)
    .where(_EXPIRED, runs.c.delivered_at.is_not(None), runs.c.forgotten_at.is_(None), ~library.is_kept_by_author())
    .order_by(runs.c.delivered_at)
    .limit(_ROW_BATCH)
)
_EXPIRED_RUNS: Final = (
    select(runs.c.id).where(_EXPIRED, runs.c.delivered_at.is_not(None)).order_by(runs.c.delivered_at).limit(_ROW_BATCH)
)

_DELETE_FILES: Final = delete(run_files).where(run_files.c.run_id.in_(_BATCH))
_CLEAR_CONTENT: Final = (
    update(runs)
    .where(runs.c.id.in_(_BATCH))
    .values(
        input={},
        prompt=None,
        summary="",
        notes=[],
        output_schema={},
        output=None,
        failure=None,
        webhook=None,
        written=None,
        characters=None,
        chain=None,
    )
)
_DELETE_REACTIONS: Final = delete(result_reactions).where(result_reactions.c.at <= bindparam("before", type_=Time))
_DELETE_BLOCKS: Final = delete(server_blocks).where(server_blocks.c.expires_at <= bindparam("now", type_=Time))
_DELETE_REPORTS: Final = delete(reports).where(reports.c.created_at <= bindparam("before", type_=Time))
_DELETE_SAMPLES: Final = delete(run_samples).where(run_samples.c.taken_at <= bindparam("before", type_=Time))
_OLD_SUMS: Final = (
    select(budget_sums.c.key, budget_sums.c.day)
    .where(budget_sums.c.day < bindparam("before", type_=Day))
    .limit(_ROW_BATCH)
)
_DELETE_SUM: Final = delete(budget_sums).where(
    budget_sums.c.key == bindparam("of_key"), budget_sums.c.day == bindparam("of_day", type_=Day)
)
_DELETE_ERASED: Final = delete(erased_runs).where(erased_runs.c.created_at <= bindparam("before", type_=Time))


@dataclass(frozen=True, slots=True)
class ExpiredCounts:
    """How many runs lost their files, lost their content, and were deleted."""

    files: int = 0
    prompts: int = 0
    runs: int = 0


async def delete_expired(
    database: Database,
    now: datetime,
    *,
    prompts_for: timedelta | None,
    files_for: timedelta | None,
    runs_for: timedelta | None,
) -> ExpiredCounts:
    """Delete everything older than its retention period; a period of None keeps it forever."""

    def delete_rows(run_ids: list[str], connection: Connection) -> None:
        delete_runs(connection, run_ids, now=now)

    def delete_files(run_ids: list[str], connection: Connection) -> None:
        connection.execute(_DELETE_FILES, {"run_ids": run_ids})

    def clear_content(run_ids: list[str], connection: Connection) -> None:
        connection.execute(_CLEAR_CONTENT, {"run_ids": run_ids, "forgotten_at": now})
        library.forget_entries(connection, run_ids)

    await database.write(lambda connection: connection.execute(_DELETE_ERASED, {"before": now - DAY}).rowcount)
    await _delete_expired_spending(database, now, runs_for=runs_for)
    await database.write(partial(_delete_expired_server_records, now=now))
    await database.write(lambda connection: delete_left(connection, before=now - LEFT_SERVER_KEPT))
    before = now - REACTIONS_KEPT
    await database.write(lambda connection: connection.execute(_DELETE_REACTIONS, {"before": before}).rowcount)
    await database.write(delete_lost_chains)
    await database.write(lambda connection: delete_old_refused_runs(connection, now=now))
    counts = ExpiredCounts(
        runs=await _apply_in_batches(database, _EXPIRED_RUNS, delete_rows, before=_subtract(now, runs_for)),
        files=await _apply_in_batches(database, _RUNS_WITH_FILES, delete_files, before=_subtract(now, files_for)),
        prompts=await _apply_in_batches(
            database, _RUNS_WITH_CONTENT, clear_content, before=_subtract(now, prompts_for)
        ),
    )
    if counts.runs or counts.prompts:
        await full_text.compact(database)
    await database.clear_log()  # also of what people deleted since
    return counts


async def _delete_expired_spending(database: Database, now: datetime, *, runs_for: timedelta | None) -> None:
    """Delete old samples and sums, in small batches, and take the ids out of what is older than the record of a run."""
    await database.write(
        lambda connection: connection.execute(_DELETE_SAMPLES, {"before": now - RUN_SAMPLES_KEPT}).rowcount
    )
    while await database.write(partial(_delete_old_sums, before=day_of(now - BUDGET_SUMS_KEPT))):
        pass
    if runs_for is not None:
        forget = partial(forget_old_authors, before=day_of(now - runs_for), limit=_ROW_BATCH)
        while await database.write(forget):
            pass


def _delete_old_sums(connection: Connection, *, before: date) -> int:
    old = connection.execute(_OLD_SUMS, {"before": before}).all()
    if old:
        connection.execute(_DELETE_SUM, [{"of_key": row.key, "of_day": row.day} for row in old])
    return len(old)


def _delete_expired_server_records(connection: Connection, *, now: datetime) -> None:
    """Delete blocks that are over, and old reports."""
    connection.execute(_DELETE_BLOCKS, {"now": now})
    connection.execute(_DELETE_REPORTS, {"before": now - REPORTS_KEPT})


def _subtract(now: datetime, period: timedelta | None) -> datetime | None:
    return None if period is None else now - period


async def _apply_in_batches(
    database: Database,
    query: Select[Any],
    change: Callable[[list[str], Connection], None],
    *,
    before: datetime | None,
) -> int:
    """Select runs on a reading connection, change them in a transaction, until none is left; return how many."""
    if before is None:
        return 0
    total = 0
    last = ""
    while run_ids := await database.read(partial(_select_batch, query, before, last)):
        await database.write(partial(change, run_ids))
        total += len(run_ids)
        last = run_ids[-1]
    return total


def _select_batch(query: Select[Any], before: datetime, last: str, connection: Connection) -> list[str]:
    # A selected run stays eligible until it is changed: no transition leaves "delivered".
    return list(connection.execute(query, {"before": before, "last": last}).scalars())
