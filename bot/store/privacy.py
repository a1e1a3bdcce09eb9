"""People: what is stored about one person, shown to them and deleted for them.

Erasing deletes what is over. A run that is still on its way is marked and goes when it is delivered: its author
waits for it, and it has to be found again after a restart. For a day, the mere time of each erased run stays beside
its author's id, so that erasing does not refill the daily limit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from bot.store import mapping, queries, transitions
from bot.store.database import Database
from bot.store.models import Run
from bot.store.tables import Time, commands, erased_runs, run_files, runs

_PAGE: Final = 200
_SECRET: Final = frozenset({"token", "token_expires_at", "webhook"})

_AUTHOR: Final = runs.c.author_id == bindparam("author_id")
OVER: Final = select(runs.c.id).where(_AUTHOR, runs.c.delivered_at.is_not(None)).limit(_PAGE)
# Only the marked column is set, by the caller's value; NULL stays where a run was marked before.
MARK: Final = update(runs).where(runs.c.author_id == bindparam("of_author"), runs.c.delivered_at.is_(None))
_FORGET_ADDER: Final = update(commands).where(commands.c.added_by == bindparam("person")).values(added_by=None)
_STALE: Final = delete(erased_runs).where(
    erased_runs.c.author_id == bindparam("author_id"), erased_runs.c.created_at <= bindparam("since", type_=Time)
)

_FILE_NAMES: Final = (
    select(run_files.c.run_id, run_files.c.name, run_files.c.mime, run_files.c.size)
    .where(run_files.c.run_id.in_(bindparam("run_ids", expanding=True)))
    .order_by(run_files.c.run_id, run_files.c.number)
)
_ERASED: Final = (
    select(erased_runs.c.created_at)
    .where(erased_runs.c.author_id == bindparam("author_id"))
    .order_by(erased_runs.c.created_at)
)
_ADDED: Final = select(commands.c.name, commands.c.added_at).where(commands.c.added_by == bindparam("author_id"))


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of a person's runs: so many are deleted, so many more will be when they are over."""

    deleted: int
    pending: int


async def erase(database: Database, author_id: int, *, now: datetime) -> Erasure:
    """Delete a person's delivered runs, a page at a time, and mark the others."""
    pending = await database.write(lambda connection: _mark(connection, author_id, now))
    deleted = 0
    while page := await database.write(lambda connection: _erase_page(connection, author_id, now)):
        deleted += page
    return Erasure(deleted=deleted, pending=pending)


def _mark(connection: Connection, author_id: int, now: datetime) -> int:
    connection.execute(_FORGET_ADDER, {"person": author_id})
    return connection.execute(MARK, {"of_author": author_id, "erase_asked_at": now}).rowcount


def _erase_page(connection: Connection, author_id: int, now: datetime) -> int:
    run_ids = connection.execute(OVER, {"author_id": author_id}).scalars().all()
    return transitions.delete_runs(connection, run_ids, now=now) if run_ids else 0


async def export(database: Database, author_id: int) -> dict[str, Any]:
    """Return all that is stored about a person, as JSON, the newest run first."""
    told: list[dict[str, Any]] = []
    last: Run | None = None
    while page := await database.read(partial(_read_page, author_id=author_id, last=last)):
        told += (told_run for _, told_run in page)
        last = page[-1][0]
    beside = await database.read(lambda connection: _read_beside(connection, author_id))
    return {"author_id": author_id, "runs": told, **beside}


def _read_page(connection: Connection, *, author_id: int, last: Run | None) -> list[tuple[Run, dict[str, Any]]]:
    values: dict[str, Any] = {"author_id": author_id, "at_most": _PAGE}
    if last is None:
        page = mapping.read_runs(connection, queries.RECENT, values)
    else:
        values |= {"before_at": last.created_at, "before_id": last.id}
        page = mapping.read_runs(connection, queries.OLDER, values)
    files: dict[str, list[dict[str, Any]]] = {run.id: [] for run in page}
    for row in connection.execute(_FILE_NAMES, {"run_ids": list(files)}):
        files[row.run_id].append({"name": row.name, "type": row.mime, "size": row.size})
    return [(run, _tell(run, files[run.id])) for run in page]


def _tell(run: Run, files: list[dict[str, Any]]) -> dict[str, Any]:
    told = {name: _plain(value) for name, value in mapping.to_row(run).items() if name not in _SECRET}
    return told | {"messages": [message for _, message in sorted(run.messages.items())], "files": files}


def _read_beside(connection: Connection, author_id: int) -> dict[str, Any]:
    author = {"author_id": author_id}
    return {
        "erased_runs": [_plain(at) for at in connection.execute(_ERASED, author).scalars()],
        "added_commands": [
            {"name": row.name, "added_at": _plain(row.added_at)} for row in connection.execute(_ADDED, author)
        ],
    }


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
