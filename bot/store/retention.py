"""Prune: what delivered runs were kept for long enough is let go of, a few rows at a time.

Three ages: the files that were given, the words (prompt, input, notes, output, what failed), and the row itself.
Runs that are not delivered are never touched. Each batch is a transaction of its own, so that a run never waits long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, select, update

from bot.store.database import Database
from bot.store.quota import DAY
from bot.store.tables import Time, erased_runs, run_files, runs
from bot.store.transitions import delete_runs

_ROWS: Final = 200
_FILES: Final = 20  # a file may have megabytes to overwrite

_LONG_AGO: Final = runs.c.delivered_at <= bindparam("before", type_=Time)
_THESE: Final[BindParameter[str]] = bindparam("run_ids", expanding=True)

# Goes along the files that are kept, once: each batch begins where the one before ended.
WITH_FILES: Final = (
    select(run_files.c.run_id)
    .distinct()
    .join(runs, runs.c.id == run_files.c.run_id)
    .where(run_files.c.run_id > bindparam("last"), _LONG_AGO)
    .order_by(run_files.c.run_id)
    .limit(_FILES)
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
class Expired:
    """How many runs lost their files, lost their words, and went altogether."""

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
) -> Expired:
    """Let go of everything that is older than its span; a span of None is for good."""

    def drop_runs(found: list[str], connection: Connection) -> None:
        delete_runs(connection, found, now=now)

    def drop_files(found: list[str], connection: Connection) -> None:
        connection.execute(_DROP_FILES, {"run_ids": found})

    def drop_words(found: list[str], connection: Connection) -> None:
        connection.execute(_DROP_WORDS, {"run_ids": found, "forgotten_at": now})

    await database.write(lambda connection: connection.execute(_DROP_REMAINS, {"before": now - DAY}).rowcount)
    return Expired(
        runs=await _batches(database, OLD, drop_runs, before=_before(now, runs_for)),
        files=await _batches(database, WITH_FILES, drop_files, before=_before(now, files_for)),
        prompts=await _batches(database, WITH_WORDS, drop_words, before=_before(now, prompts_for)),
    )


def _before(now: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else now - span


async def _batches(
    database: Database,
    which: Select[Any],
    drop: Callable[[list[str], Connection], None],
    *,
    before: datetime | None,
) -> int:
    """Find runs beside the work, drop theirs in a transaction, until none is found; return how many there were."""
    if before is None:
        return 0
    total = 0
    last = ""
    while found := await database.read(partial(_find, which, before, last)):
        await database.write(partial(drop, found))
        total += len(found)
        last = found[-1]
    return total


def _find(which: Select[Any], before: datetime, last: str, connection: Connection) -> list[str]:
    # What was found once stays what it is: no move leads back from delivered.
    return list(connection.execute(which, {"before": before, "last": last}).scalars())
