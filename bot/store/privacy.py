"""Count, export and erase what is stored about one person.

Erasing deletes delivered runs. A run that is still in progress is marked and deleted when it is delivered: its author
waits for it, and it has to be found again after a restart. For a day, the time of each erased run is kept with its
author's id, so that erasing does not reset the daily limit.

What people have spent stays in the sums of everybody, without their id. Their own sums of the month stay until they are
too old for any budget: erasing does not reset one. A block in a server outlives erasing, without its reason: else
whoever is blocked could lift it so. It goes when it expires.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, func, or_, select, union, update

from bot.money.budgets import Period, Scope, budget_key, day_of
from bot.secrets import mask_secrets
from bot.store import creations, full_text, gallery, queries, transitions
from bot.store.budgets import forget_author
from bot.store.database import Database
from bot.store.models import Run
from bot.store.notifications import Message, notify
from bot.store.refused_runs import count_refused_runs, erase_refused_runs, export_refused_runs
from bot.store.saved_chains import count_chains, erase_chains, export_chains
from bot.store.tables import (
    Day,
    budget_sums,
    budgets,
    commands,
    erased_runs,
    favourites,
    gallery_consents,
    gallery_posts,
    library_entries,
    library_thumbnails,
    reports,
    result_reactions,
    result_threads,
    run_files,
    run_outputs,
    runs,
    server_blocks,
    server_changes,
    usage_days,
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

# What was spent.
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

# What the rules of servers hold.
_PERSON: Final[BindParameter[int]] = bindparam("person")
_BLOCKED: Final = server_blocks.c.user_id == _PERSON
_ABOUT: Final = reports.c.author_id == _PERSON
_REPORTED: Final = reports.c.reporter_id == _PERSON

_COUNT_SERVER_RECORDS: Final = (
    select(func.count()).select_from(server_blocks).where(_BLOCKED),
    select(func.count()).select_from(reports).where(or_(_ABOUT, _REPORTED)),
)
_SELECT_BLOCKS: Final = select(server_blocks).where(_BLOCKED).order_by(server_blocks.c.created_at)
_SELECT_REPORTS: Final = select(reports).where(_REPORTED).order_by(reports.c.created_at)
_SELECT_CHANGES: Final = (
    select(server_changes).where(server_changes.c.by_id == _PERSON).order_by(server_changes.c.changed_at)
)
_ERASE_SERVER_RECORDS: Final = (
    update(server_blocks).where(_BLOCKED).values(reason=""),
    update(server_blocks).where(server_blocks.c.by_id == _PERSON).values(by_id=None),
    update(server_changes).where(server_changes.c.by_id == _PERSON).values(by_id=None),
    update(server_changes).where(server_changes.c.subject_id == _PERSON).values(subject_id=None, before={}, after={}),
    delete(reports).where(_ABOUT),
    update(reports).where(_REPORTED).values(reporter_id=None, reason=""),
    update(reports).where(reports.c.closed_by_id == _PERSON).values(closed_by_id=None),
    delete(result_threads).where(result_threads.c.user_id == _PERSON),
)


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
    spent, spent_since = _count_spending(connection, author_id)
    return StoredCounts(
        runs=row.runs,
        oldest_run_at=row.oldest,
        files=connection.execute(_COUNT_FILES, values).scalar_one(),
        added_commands=connection.execute(_COUNT_ADDED, values).scalar_one(),
        server_records=_count_server_records(connection, author_id),
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
    _erase_server_records(connection, author_id)
    _erase_spending(connection, author_id, now=now)
    connection.execute(_DELETE_REACTIONS, {"person": author_id})
    connection.execute(_DELETE_CONSENT, {"person": author_id})
    starred = connection.execute(_SELECT_STARRED, {"author_id": author_id}).scalars().all()
    connection.execute(_DELETE_FAVOURITES, {"person": author_id})
    gallery.recount_stars(connection, starred)
    creations.erase(connection, author_id)
    notify(connection, Message.PREFERENCES, str(author_id))
    notify(connection, Message.ERASURE, str(author_id))
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
        **_export_server_records(connection, author_id),
        **_export_spending(connection, author_id),
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
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _erase_spending(connection: Connection, author_id: int, *, now: datetime) -> None:
    """Take a person's id out of what was spent, and delete their own sums of the months before."""
    connection.execute(_CLEAR_SET_BY, {"person": author_id})
    keys = _list_budget_keys(connection, author_id)
    connection.execute(_DELETE_THEIR_OLD_SUMS, {"keys": keys, "before": Period.MONTH.begin(day_of(now))})
    forget_author(connection, author_id)


def _count_spending(connection: Connection, author_id: int) -> tuple[int, date | None]:
    """Return what a person's runs have cost, in micro-dollars, and the first day of it; None if nothing is stored."""
    row = connection.execute(_COUNT_SPENDING, {"author_id": author_id}).one()
    return int(row.spent), row.since  # PostgreSQL adds integers up to a decimal number


def _export_spending(connection: Connection, author_id: int) -> dict[str, Any]:
    """Return what a person has spent, and the budgets that are for them alone, as JSON values."""
    keys = {"keys": _list_budget_keys(connection, author_id)}
    own_budgets = _export_rows(connection, _SELECT_BUDGETS, keys)
    return {
        "spending": _export_rows(connection, _SELECT_USAGE, {"author_id": author_id}),
        "budget_sums": _export_rows(connection, _SELECT_SUMS, keys),
        "budgets": [{name: value for name, value in row.items() if name != "set_by"} for row in own_budgets],
    }


def _list_budget_keys(connection: Connection, author_id: int) -> list[str]:
    """Return the keys that a person's own spending is summed under."""
    guilds = connection.execute(_SELECT_GUILDS, {"author_id": author_id}).scalars()
    members = [budget_key(Scope.MEMBER, guild, author_id) for guild in guilds if guild]
    return [budget_key(Scope.PERSON, author_id), *members]


def _count_server_records(connection: Connection, person: int) -> int:
    """Return how many blocks and reports there are about a person or by them."""
    return sum(connection.execute(count, {"person": person}).scalar_one() for count in _COUNT_SERVER_RECORDS)


def _export_server_records(connection: Connection, person: int) -> dict[str, list[dict[str, Any]]]:
    """Return the blocks of a person, their reports and their changes of rules; times are ISO text.

    Who reported a person, and who blocked them, is not theirs to know.
    """
    values = {"person": person}
    return {
        "blocks": [
            {
                "server": row.guild_id,
                "reason": row.reason,
                "at": _to_json(row.created_at),
                "until": _to_json(row.expires_at),
            }
            for row in connection.execute(_SELECT_BLOCKS, values)
        ],
        "reports": [
            {"server": row.guild_id, "message": row.message_id, "reason": row.reason, "at": _to_json(row.created_at)}
            for row in connection.execute(_SELECT_REPORTS, values)
        ],
        "rule_changes": [
            {"server": row.guild_id, "section": row.section, "at": _to_json(row.changed_at)}
            for row in connection.execute(_SELECT_CHANGES, values)
        ],
    }


def _erase_server_records(connection: Connection, person: int) -> None:
    """Delete or clear what names a person in the rules of servers."""
    for statement in _ERASE_SERVER_RECORDS:
        connection.execute(statement, {"person": person})
