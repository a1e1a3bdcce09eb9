"""Prune: what delivered runs were kept for long enough is let go of, a few rows at a time.

Three ages: the files that were given, the words (prompt, input, notes, output, what failed), and the row itself.
Runs that are not delivered are never touched. Each batch is a transaction of its own, so that a run never waits long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update

from bot.store.columns import Time
from bot.store.database import Database
from bot.store.moves import DELETE
from bot.store.quota import DAY
from bot.store.tables import erased_runs, run_files, runs

_ROWS: Final = 200
_FILES: Final = 20  # a file may have megabytes to overwrite

_LONG_AGO: Final = runs.c.delivered_at <= bindparam("before", type_=Time)
_THESE: Final[BindParameter[str]] = bindparam("run_ids", expanding=True)

WITH_FILES: Final = (
    select(run_files.c.run_id).distinct().join(runs, runs.c.id == run_files.c.run_id).where(_LONG_AGO).limit(_FILES)
)
WITH_WORDS: Final = (
    select(runs.c.id)
    .where(_LONG_AGO, runs.c.delivered_at.is_not(None), runs.c.forgotten_at.is_(None))
    .order_by(runs.c.delivered_at)
    .limit(_ROWS)
)
OLD: Final = (
    select(runs.c.id).where(_LONG_AGO, runs.c.delivered_at.is_not(None)).order_by(runs.c.delivered_at).limit(_ROWS)
)

_DROP_FILES: Final = delete(run_files).where(run_files.c.run_id.in_(_THESE))
_DROP_WORDS: Final = (
    update(runs)
    .where(runs.c.id.in_(_THESE))
    .values(input={}, prompt=None, summary="", notes=[], output_schema={}, output=None, failure=None, webhook=None)
)
_DROP_REMAINS: Final = delete(erased_runs).where(erased_runs.c.created_at <= bindparam("before", type_=Time))


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many runs lost their files, lost their words, and went altogether."""

    files: int = 0
    prompts: int = 0
    runs: int = 0


async def prune(
    database: Database,
    now: datetime,
    *,
    prompts_for: timedelta | None,
    files_for: timedelta | None,
    runs_for: timedelta | None,
) -> Pruned:
    """Let go of everything that is older than its span; a span of None is for good."""
    await database.write(lambda connection: connection.execute(_DROP_REMAINS, {"before": now - DAY}).rowcount)
    return Pruned(
        runs=await _repeat(database, now, runs_for, _drop_runs),
        files=await _repeat(database, now, files_for, _drop_files),
        prompts=await _repeat(database, now, prompts_for, _drop_words),
    )


async def _repeat(
    database: Database,
    now: datetime,
    span: timedelta | None,
    drop: Callable[[Connection, datetime, datetime], int],
) -> int:
    if span is None:
        return 0
    before = now - span
    total = 0
    while dropped := await database.write(lambda connection: drop(connection, before, now)):
        total += dropped
    return total


def _drop_runs(connection: Connection, before: datetime, _now: datetime) -> int:
    return _over(connection, OLD, before, lambda ids: connection.execute(DELETE, {"run_ids": ids}))


def _drop_files(connection: Connection, before: datetime, _now: datetime) -> int:
    return _over(connection, WITH_FILES, before, lambda ids: connection.execute(_DROP_FILES, {"run_ids": ids}))


def _drop_words(connection: Connection, before: datetime, now: datetime) -> int:
    return _over(
        connection,
        WITH_WORDS,
        before,
        lambda ids: connection.execute(_DROP_WORDS, {"run_ids": ids, "forgotten_at": now}),
    )


def _over(connection: Connection, which: Any, before: datetime, drop: Callable[[list[str]], Any]) -> int:
    found = list(connection.execute(which, {"before": before}).scalars())
    if found:
        drop(found)
    return len(found)
