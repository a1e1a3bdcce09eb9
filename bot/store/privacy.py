"""Count, export and erase what is stored about one person.

Erasing deletes delivered runs. A run that is still in progress is marked and deleted when it is delivered: its author
waits for it, and it has to be found again after a restart. For a day, the time of each erased run is kept with its
author's id, so that erasing does not reset the daily limit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select, update

from bot.secrets import mask_secrets
from bot.store import queries, transitions
from bot.store.database import Database
from bot.store.models import Run
from bot.store.server_privacy import count_server_records, erase_server_records, export_server_records
from bot.store.tables import commands, erased_runs, result_reactions, run_files, run_outputs, runs

_PAGE_SIZE: Final = 200
_SECRET_COLUMNS: Final = frozenset({"token", "token_expires_at", "webhook"})

_BY_AUTHOR: Final = runs.c.author_id == bindparam("author_id")
_DELIVERED: Final = select(runs.c.id).where(_BY_AUTHOR, runs.c.delivered_at.is_not(None)).limit(_PAGE_SIZE)
# Sets the column that it is executed with.
_MARK_UNDELIVERED: Final = update(runs).where(runs.c.author_id == bindparam("of_author"), runs.c.delivered_at.is_(None))
_CLEAR_ADDED_BY: Final = update(commands).where(commands.c.added_by == bindparam("person")).values(added_by=None)
_DELETE_REACTIONS: Final = delete(result_reactions).where(result_reactions.c.user_id == bindparam("person"))
_CLEAR_CANCELED_BY: Final = update(runs).where(runs.c.canceled_by_id == bindparam("person")).values(canceled_by_id=None)

_SELECT_FILES: Final = (
    select(run_files.c.run_id, run_files.c.name, run_files.c.mime, run_files.c.size)
    .where(run_files.c.run_id.in_(bindparam("run_ids", expanding=True)))
    .order_by(run_files.c.run_id, run_files.c.number)
)
_SELECT_OUTPUTS: Final = (
    select(run_outputs)
    .where(run_outputs.c.run_id.in_(bindparam("run_ids", expanding=True)))
    .order_by(run_outputs.c.run_id, run_outputs.c.number)
)
_SELECT_ERASED: Final = (
    select(erased_runs.c.created_at)
    .where(erased_runs.c.author_id == bindparam("author_id"))
    .order_by(erased_runs.c.created_at)
)
_SELECT_REACTIONS: Final = (
    select(result_reactions.c.run_id, result_reactions.c.emoji, result_reactions.c.at)
    .where(result_reactions.c.user_id == bindparam("author_id"))
    .order_by(result_reactions.c.at)
)
_ADDED_BY_AUTHOR: Final = commands.c.added_by == bindparam("author_id")
_SELECT_ADDED: Final = select(commands.c.name, commands.c.added_at).where(_ADDED_BY_AUTHOR)

_COUNT_RUNS: Final = select(func.count().label("runs"), func.min(runs.c.created_at).label("oldest")).where(_BY_AUTHOR)
_COUNT_FILES: Final = (
    select(func.count()).select_from(run_files).where(run_files.c.run_id.in_(select(runs.c.id).where(_BY_AUTHOR)))
)
_COUNT_ADDED: Final = select(func.count()).select_from(commands).where(_ADDED_BY_AUTHOR)


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """How much is stored about a person.

    ``oldest_run_at`` is None without runs. ``server_records`` are blocks and reports, about the person or by them.
    """

    runs: int
    oldest_run_at: datetime | None
    files: int
    added_commands: int
    server_records: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many runs were deleted, and how many will be when they are delivered."""

    deleted: int
    pending: int


def count_stored(connection: Connection, author_id: int) -> StoredCounts:
    """Count what is stored about a person."""
    values = {"author_id": author_id}
    row = connection.execute(_COUNT_RUNS, values).one()
    return StoredCounts(
        runs=row.runs,
        oldest_run_at=row.oldest,
        files=connection.execute(_COUNT_FILES, values).scalar_one(),
        added_commands=connection.execute(_COUNT_ADDED, values).scalar_one(),
        server_records=count_server_records(connection, author_id),
    )


async def erase(database: Database, author_id: int, *, now: datetime) -> Erasure:
    """Delete a person's delivered runs, a page at a time, and mark the others."""
    pending = await database.write(lambda connection: _mark_pending(connection, author_id, now))
    deleted = 0
    while page := await database.write(lambda connection: _delete_page(connection, author_id, now)):
        deleted += page
    return Erasure(deleted=deleted, pending=pending)


def _mark_pending(connection: Connection, author_id: int, now: datetime) -> int:
    connection.execute(_CLEAR_ADDED_BY, {"person": author_id})
    connection.execute(_CLEAR_CANCELED_BY, {"person": author_id})
    erase_server_records(connection, author_id)
    connection.execute(_DELETE_REACTIONS, {"person": author_id})
    return connection.execute(_MARK_UNDELIVERED, {"of_author": author_id, "erase_asked_at": now}).rowcount


def _delete_page(connection: Connection, author_id: int, now: datetime) -> int:
    run_ids = connection.execute(_DELIVERED, {"author_id": author_id}).scalars().all()
    return transitions.delete_runs(connection, run_ids, now=now) if run_ids else 0


async def export(database: Database, author_id: int) -> dict[str, Any]:
    """Return everything stored about a person as JSON values, the newest run first; files without their bytes."""
    exported: list[dict[str, Any]] = []
    last: Run | None = None
    while page := await database.read(partial(_read_page, author_id=author_id, last=last)):
        exported += (entry for _, entry in page)
        last = page[-1][0]
    other = await database.read(lambda connection: _read_other(connection, author_id))
    return {"author_id": author_id, "runs": exported, **other}


def _read_page(connection: Connection, *, author_id: int, last: Run | None) -> list[tuple[Run, dict[str, Any]]]:
    values: dict[str, Any] = {"author_id": author_id, "limit": _PAGE_SIZE}
    if last is None:
        page = queries.read_runs(connection, queries.RECENT, values)
    else:
        values |= {"before_time": last.created_at, "before_id": last.id}
        page = queries.read_runs(connection, queries.OLDER, values)
    files: dict[str, list[dict[str, Any]]] = {run.id: [] for run in page}
    for row in connection.execute(_SELECT_FILES, {"run_ids": list(files)}):
        files[row.run_id].append({"name": row.name, "type": row.mime, "size": row.size})
    outputs: dict[str, list[dict[str, Any]]] = {run.id: [] for run in page}
    for row in connection.execute(_SELECT_OUTPUTS, {"run_ids": list(files)}):
        columns = {name: _to_json(value) for name, value in row._mapping.items()}  # noqa: SLF001 (a public name)
        outputs[columns.pop("run_id")].append(columns)
    return [(run, _export_run(run, files[run.id], outputs[run.id])) for run in page]


def _export_run(run: Run, files: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> dict[str, Any]:
    row = queries.run_to_row(run)
    exported = {name: _to_json(value) for name, value in row.items() if name not in _SECRET_COLUMNS}
    exported["input"] = mask_secrets(run.input)
    messages = [message for _, message in sorted(run.messages.items())]
    return exported | {"messages": messages, "files": files, "outputs": outputs}


def _read_other(connection: Connection, author_id: int) -> dict[str, Any]:
    values = {"author_id": author_id}
    return {
        "erased_runs": [_to_json(at) for at in connection.execute(_SELECT_ERASED, values).scalars()],
        "added_commands": [
            {"name": row.name, "added_at": _to_json(row.added_at)} for row in connection.execute(_SELECT_ADDED, values)
        ],
        **export_server_records(connection, author_id),
        "reactions": [
            {"run": row.run_id, "emoji": row.emoji, "at": _to_json(row.at)}
            for row in connection.execute(_SELECT_REACTIONS, values)
        ],
    }


def _to_json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
