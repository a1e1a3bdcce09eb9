"""Count, export and erase what is stored about one person.

Erasing deletes delivered runs. A run that is still in progress is marked and deleted when it is delivered: its author
waits for it, and it has to be found again after a restart. For a day, the time of each erased run is kept with its
author's id, so that erasing does not reset the daily limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from bot.secrets import mask_secrets
from bot.store import creations, full_text, gallery, queries, transitions
from bot.store.database import Database
from bot.store.models import Run
from bot.store.money_privacy import count_spending, erase_spending, export_spending
from bot.store.notifications import Message, notify
from bot.store.refused_runs import count_refused_runs, erase_refused_runs, export_refused_runs
from bot.store.saved_chains import count_chains, erase_chains, export_chains
from bot.store.server_privacy import count_server_records, erase_server_records, export_server_records
from bot.store.tables import (
    commands,
    erased_runs,
    favourites,
    gallery_consents,
    gallery_posts,
    library_entries,
    library_thumbnails,
    result_reactions,
    run_files,
    run_outputs,
    runs,
)

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

_OWN_ENTRY: Final = library_entries.c.author_id == bindparam("author_id")
_OWN_FAVOURITE: Final = favourites.c.user_id == bindparam("author_id")
_OWN_COPIES: Final = (
    select(gallery_posts.c.run_id, gallery_posts.c.channel_id, gallery_posts.c.message_id, gallery_posts.c.created_at)
    .join(runs, runs.c.id == gallery_posts.c.run_id)
    .where(_BY_AUTHOR)
)
_COUNT_RESULTS: Final = select(func.count()).select_from(library_entries).where(_OWN_ENTRY)
_COUNT_FAVOURITES: Final = select(func.count()).select_from(favourites).where(_OWN_FAVOURITE)
_COUNT_COPIES: Final = select(func.count()).select_from(_OWN_COPIES.subquery())
_SELECT_STARRED: Final = select(favourites.c.number).where(_OWN_FAVOURITE)
_SELECT_FAVOURITES: Final = (
    select(library_entries.c.run_id, favourites.c.created_at)
    .join(library_entries, library_entries.c.number == favourites.c.number)
    .where(_OWN_FAVOURITE)
    .order_by(favourites.c.created_at)
)
_SELECT_RESULTS: Final = (
    select(
        library_entries.c.run_id,
        library_entries.c.kind,
        library_entries.c.deleted_at,
        func.length(library_thumbnails.c.data).label("thumbnail_bytes"),
    )
    .outerjoin(library_thumbnails, library_thumbnails.c.number == library_entries.c.number)
    .where(_OWN_ENTRY)
    .order_by(library_entries.c.number)
)
_SELECT_CONSENT: Final = select(gallery_consents.c.copies, gallery_consents.c.prompts).where(
    gallery_consents.c.user_id == bindparam("author_id")
)
_DELETE_FAVOURITES: Final = delete(favourites).where(favourites.c.user_id == bindparam("person"))
_DELETE_CONSENT: Final = delete(gallery_consents).where(gallery_consents.c.user_id == bindparam("person"))


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """How much is stored about a person.

    ``oldest_run_at`` is None without runs. ``server_records`` are blocks and reports, about the person or by them.
    ``results`` are those in their library, ``copies`` those in galleries, and ``favourites`` also others' results.
    ``spent`` is what their runs have cost since the day ``spent_since``, in micro-dollars.
    """

    runs: int
    oldest_run_at: datetime | None
    files: int
    added_commands: int
    server_records: int = 0
    results: int = 0
    favourites: int = 0
    copies: int = 0
    gallery_choices: int = 0
    characters: int = 0
    presets: int = 0
    chains: int = 0
    spent: int = 0
    spent_since: date | None = None
    refused_runs: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many runs were deleted, and how many will be when they are delivered."""

    deleted: int
    pending: int


def count_stored(connection: Connection, author_id: int) -> StoredCounts:
    """Count what is stored about a person."""
    values = {"author_id": author_id}
    row = connection.execute(_COUNT_RUNS, values).one()
    characters, presets = creations.count(connection, author_id)
    spent, spent_since = count_spending(connection, author_id)
    return StoredCounts(
        runs=row.runs,
        oldest_run_at=row.oldest,
        files=connection.execute(_COUNT_FILES, values).scalar_one(),
        added_commands=connection.execute(_COUNT_ADDED, values).scalar_one(),
        server_records=count_server_records(connection, author_id),
        results=connection.execute(_COUNT_RESULTS, values).scalar_one(),
        favourites=connection.execute(_COUNT_FAVOURITES, values).scalar_one(),
        copies=connection.execute(_COUNT_COPIES, values).scalar_one(),
        gallery_choices=len(connection.execute(_SELECT_CONSENT, values).all()),
        characters=characters,
        presets=presets,
        chains=count_chains(connection, author_id),
        spent=spent,
        spent_since=spent_since,
        refused_runs=count_refused_runs(connection, author_id),
    )


async def erase(database: Database, author_id: int, *, now: datetime, messages: bool = False) -> Erasure:
    """Delete a person's delivered runs, a page at a time, and mark the others.

    Copies in galleries are deleted in Discord as well, and with ``messages`` the bot's messages of these runs. When it
    returns, nothing of the deleted runs is left on disk, unless a reader held on to it for seconds; then it is gone
    within the hour (``retention``).
    """
    pending = await database.write(lambda connection: _mark_pending(connection, author_id, now))
    deleted = 0
    while page := await database.write(partial(_delete_page, author_id=author_id, now=now, messages=messages)):
        deleted += page
    await creations.forget_uses(database, author_id, now=now)
    await full_text.compact(database)
    await database.clear_log()
    return Erasure(deleted=deleted, pending=pending)


def _mark_pending(connection: Connection, author_id: int, now: datetime) -> int:
    connection.execute(_CLEAR_ADDED_BY, {"person": author_id})
    connection.execute(_CLEAR_CANCELED_BY, {"person": author_id})
    erase_server_records(connection, author_id)
    erase_spending(connection, author_id, now=now)
    connection.execute(_DELETE_REACTIONS, {"person": author_id})
    connection.execute(_DELETE_CONSENT, {"person": author_id})
    starred = connection.execute(_SELECT_STARRED, {"author_id": author_id}).scalars().all()
    connection.execute(_DELETE_FAVOURITES, {"person": author_id})
    gallery.recount_stars(connection, starred)
    creations.erase(connection, author_id)
    notify(connection, Message.PREFERENCES, str(author_id))
    erase_chains(connection, author_id)
    erase_refused_runs(connection, author_id)
    return connection.execute(_MARK_UNDELIVERED, {"of_author": author_id, "erase_asked_at": now}).rowcount


def _delete_page(connection: Connection, *, author_id: int, now: datetime, messages: bool) -> int:
    run_ids = connection.execute(_DELIVERED, {"author_id": author_id}).scalars().all()
    if messages and run_ids:
        gallery.remove_messages(connection, run_ids, now=now)
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
    exported["chain"] = mask_secrets(row["chain"])
    return exported | {"messages": messages, "files": files, "outputs": outputs}


def _read_other(connection: Connection, author_id: int) -> dict[str, Any]:
    values = {"author_id": author_id}
    return {
        "erased_runs": [_to_json(at) for at in connection.execute(_SELECT_ERASED, values).scalars()],
        "added_commands": [
            {"name": row.name, "added_at": _to_json(row.added_at)} for row in connection.execute(_SELECT_ADDED, values)
        ],
        **export_server_records(connection, author_id),
        **export_spending(connection, author_id),
        "reactions": [
            {"run": row.run_id, "emoji": row.emoji, "at": _to_json(row.at)}
            for row in connection.execute(_SELECT_REACTIONS, values)
        ],
        "library": _export_rows(connection, _SELECT_RESULTS, values),
        "favourites": _export_rows(connection, _SELECT_FAVOURITES, values),
        "gallery_copies": _export_rows(connection, _OWN_COPIES, values),
        "gallery_consent": _export_rows(connection, _SELECT_CONSENT, values),
        **creations.export(connection, author_id),
        **export_chains(connection, author_id),
        **export_refused_runs(connection, author_id),
    }


def _export_rows(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {name: _to_json(value) for name, value in row.items()} for row in connection.execute(query, values).mappings()
    ]


def _to_json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
