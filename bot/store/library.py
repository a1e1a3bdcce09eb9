"""The library: what people have made and what they like, page by page, from an index."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    bindparam,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)

from bot.clock import Clock
from bot.limits import FAVOURITES, LIBRARY_PAGE
from bot.media.types import MediaKind
from bot.store import full_text, gallery
from bot.store.database import Database
from bot.store.queries import BY_MESSAGE, read_run
from bot.store.tables import (
    favourites,
    gallery_posts,
    insert_into,
    library_entries,
    library_thumbnails,
    run_messages,
    run_outputs,
    runs,
)
from bot.visibility import Visibility

_ENTRY: Final = library_entries.c
_BY_RUN: Final = _ENTRY.run_id == bindparam("run_id")
# What an entry is made of.
ENTRY_COLUMNS: Final = (
    runs.c.id, runs.c.author_id, runs.c.guild_id, runs.c.command, runs.c.prompt, runs.c.output,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryQuery:
    """One page of somebody's library: their own results, or their favourites, also those of others.

    ``kinds`` are those that are shown, empty for all. ``words`` are what they searched for, as they typed it.
    ``before`` and ``after`` are the number of the entry that the page begins behind; without either, the newest come
    first.
    """

    user_id: int
    favourites: bool = False
    guild_id: int | None = None
    command: str | None = None
    kinds: frozenset[MediaKind] = frozenset()
    words: str = ""
    before: int | None = None
    after: int | None = None
    limit: int = LIBRARY_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One result in a library.

    ``thumbnail`` is a WebP picture, b"" if none can be made, None if none was made yet. ``prompt`` is None once it has
    expired. ``deleted_at`` is when the message was deleted in Discord.
    """

    number: int
    run_id: str
    author_id: int
    author_name: str
    guild_id: int | None
    channel_id: int
    message_id: int
    command: str
    kind: MediaKind
    prompt: str | None
    created_at: datetime
    visibility: Visibility
    deleted_at: datetime | None
    is_favourite: bool
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPage:
    """The entries of a page, the newest first, and whether there are pages on either side."""

    entries: tuple[LibraryEntry, ...]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Starred:
    """What became of a ⭐: whether anything changed, and whether a copy is to be posted in the gallery.

    ``missing``: there is no such result for them; ``full``: they have as many favourites as one can have.
    """

    changed: bool = False
    missing: bool = False
    full: bool = False
    is_due: bool = False


class Library:
    """The library in the database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list_page(self, query: LibraryQuery) -> LibraryPage:
        """Return a page; it costs the same however much the person has made."""
        return await self._database.read(lambda connection: _read_page(connection, query))

    async def get_entry(self, run_id: str, user_id: int) -> LibraryEntry | None:
        """Return the entry of a run as somebody sees it; None if there is none, or it is another's private one."""
        return await self._database.read(lambda connection: _read_entry(connection, run_id, user_id))

    async def list_commands(self, user_id: int, *, limit: int) -> tuple[str, ...]:
        """Return the commands that somebody has results of, by name."""
        return await self._database.read(
            lambda connection: tuple(
                connection.execute(_COMMANDS, {"author_id": user_id, "limit": limit}).scalars().all()
            )
        )

    async def save_thumbnail(self, run_id: str, data: bytes) -> None:
        """Store the small picture of a result, or with b"" that none can be made; one that is there stays."""
        await self._database.write(lambda connection: _insert_thumbnail(connection, run_id, data))

    async def set_favourite(
        self, run_id: str, user_id: int, *, on: bool, rules: gallery.GalleryRules | None = None
    ) -> Starred:
        """Make a result somebody's favourite, or no longer; ``rules`` are those of the gallery it may be copied to."""
        now = self._clock.now()
        return await self._database.write(
            lambda connection: _set_favourite(connection, run_id, user_id, on=on, rules=rules, now=now)
        )

    async def find_messages(self, message_ids: Collection[int]) -> tuple[int, ...]:
        """Return those of the messages that are a result's or a copy's: most messages of a server are neither."""
        values = {"message_ids": list(message_ids)}
        return await self._database.read(
            lambda connection: tuple(connection.execute(_MESSAGES, values).scalars().all())
        )

    async def mark_message_deleted(self, message_id: int) -> bool:
        """Store that a message was deleted in Discord; return whether it was one of a result.

        With the last message of a result that had pictures, or its card, go its thumbnail and its copy in the gallery.
        """
        now = self._clock.now()
        return await self._database.write(lambda connection: _mark_message_deleted(connection, message_id, now))


# -- what other transactions of the store do with it


def remove_output(connection: Connection, run_id: str, *, now: datetime) -> None:
    """Drop the copies of a result that one of its files was taken out of with the bot.

    One without files is deleted.
    """
    if _has_no_outputs_left(connection, run_id):
        delete_entries(connection, [run_id], now=now)
    else:
        _drop_copies(connection, run_id, now=now)


def _has_no_outputs_left(connection: Connection, run_id: str) -> bool:
    had_outputs = connection.execute(_FIRST_MIME, {"run_id": run_id}).scalar() is not None
    return had_outputs and connection.execute(_OUTPUTS_LEFT.limit(1), {"run_id": run_id}).first() is None


def _drop_copies(connection: Connection, run_id: str, *, now: datetime) -> None:
    """Drop the copies of a result that shows other pictures from now on.

    A page makes the thumbnail anew, and the next ⭐ brings the result into the gallery again.
    """
    numbers = select(_ENTRY.number).where(_ENTRY.run_id == run_id)
    connection.execute(delete(library_thumbnails).where(library_thumbnails.c.number.in_(numbers)))
    gallery.remove_posts(connection, [run_id], now=now)


def add_entry(connection: Connection, run: Row[Any]) -> None:
    """Add a delivered run, of which ``run`` has the ENTRY_COLUMNS, to its author's library, unless it made nothing."""
    first = connection.execute(_FIRST_MIME, {"run_id": run.id}).scalar()
    if first is None and run.output in (None, "", []):
        return
    row = {
        "run_id": run.id,
        "author_id": run.author_id,
        "guild_id": run.guild_id,
        "command": run.command,
        "kind": _kind_of(first, run.output).value,
        "words": full_text.words_of(run.author_id, run.prompt),
    }
    connection.execute(
        insert_into(connection, library_entries).values(row).on_conflict_do_nothing(index_elements=["run_id"])
    )


def forget_entries(connection: Connection, run_ids: Sequence[str]) -> None:
    """Take results whose content has expired out of their authors' libraries.

    One that is somebody else's favourite stays for them, with its picture and without its words.
    """
    liked = select(favourites.c.number).where(favourites.c.number == _ENTRY.number).exists()
    of_runs = _ENTRY.run_id.in_(list(run_ids))
    connection.execute(delete(library_entries).where(of_runs, ~liked))
    connection.execute(update(library_entries).where(of_runs).values(words=""))


def delete_entries(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> None:
    """Take results that were deleted with the bot out of every library, with their copies."""
    gallery.remove_posts(connection, run_ids, now=now)
    connection.execute(delete(library_entries).where(_ENTRY.run_id.in_(list(run_ids))))


def _drop_deleted_in_discord(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> None:
    """Drop every copy of results that were deleted in Discord itself: thumbnails and gallery posts."""
    of_runs = _ENTRY.run_id.in_(list(run_ids))
    numbers = select(_ENTRY.number).where(of_runs)
    connection.execute(delete(library_thumbnails).where(library_thumbnails.c.number.in_(numbers)))
    connection.execute(update(library_entries).where(of_runs, _ENTRY.deleted_at.is_(None)).values(deleted_at=now))
    gallery.remove_posts(connection, run_ids, now=now)


def is_kept_by_author() -> Any:
    """Return the condition that a run is a favourite of its author."""
    kept = (
        select(favourites.c.number)
        .join(library_entries, _ENTRY.number == favourites.c.number)
        .where(_ENTRY.run_id == runs.c.id, favourites.c.user_id == runs.c.author_id)
    )
    return kept.exists()


def _kind_of(mime: str | None, output: Any) -> MediaKind:
    if mime is None:
        texts = output if isinstance(output, list) else [output]
        is_text = all(isinstance(text, str) and not text.startswith(("http://", "https://", "data:")) for text in texts)
        return MediaKind.TEXT if is_text else MediaKind.OTHER
    name = mime.partition("/")[0]
    return MediaKind(name) if name in _KINDS else MediaKind.OTHER


_KINDS: Final = frozenset({MediaKind.IMAGE.value, MediaKind.VIDEO.value, MediaKind.AUDIO.value, MediaKind.TEXT.value})
_FIRST_MIME: Final = (
    select(run_outputs.c.mime)
    .where(run_outputs.c.run_id == bindparam("run_id"))
    .order_by(run_outputs.c.number)
    .limit(1)
)

# The commands of one author, each found by one step in the index instead of by reading all entries.
_first_command: Final = (
    select(func.min(_ENTRY.command).label("command"))
    .where(_ENTRY.author_id == bindparam("author_id"))
    .cte("found", recursive=True)
)
_next_command: Final = (
    select(func.min(_ENTRY.command))
    .where(_ENTRY.author_id == bindparam("author_id"), _ENTRY.command > _first_command.c.command)
    .scalar_subquery()
)
_found: Final = _first_command.union_all(select(_next_command).where(_first_command.c.command.is_not(None)))
_COMMANDS: Final = select(_found.c.command).where(_found.c.command.is_not(None)).limit(bindparam("limit"))

_mine: Final = favourites.alias("mine")
_DETAILS: Final = (
    select(
        _ENTRY.number,
        _ENTRY.run_id,
        _ENTRY.author_id,
        runs.c.author_name,
        _ENTRY.guild_id,
        runs.c.channel_id,
        runs.c.message_id,
        _ENTRY.command,
        _ENTRY.kind,
        runs.c.prompt,
        runs.c.created_at,
        runs.c.visibility,
        _ENTRY.deleted_at,
        _mine.c.user_id.is_not(None).label("is_favourite"),
        library_thumbnails.c.data.label("thumbnail"),
    )
    .select_from(library_entries)
    .join(runs, runs.c.id == _ENTRY.run_id)
    .outerjoin(library_thumbnails, library_thumbnails.c.number == _ENTRY.number)
    .outerjoin(_mine, (_mine.c.number == _ENTRY.number) & (_mine.c.user_id == bindparam("user_id")))
    .where(or_(_ENTRY.author_id == bindparam("user_id"), runs.c.visibility != Visibility.PRIVATE.value))
)
_DETAILS_OF_PAGE: Final = _DETAILS.where(_ENTRY.number.in_(bindparam("numbers", expanding=True)))
_DETAILS_OF_RUN: Final = _DETAILS.where(_BY_RUN)


def _read_page(connection: Connection, query: LibraryQuery) -> LibraryPage:
    statement, values = _select_numbers(connection, query)
    numbers: Sequence[int] = connection.execute(statement, values).scalars().all()
    has_more = len(numbers) > query.limit
    numbers = numbers[: query.limit]
    rows = connection.execute(_DETAILS_OF_PAGE, {"numbers": list(numbers), "user_id": query.user_id})
    entries = sorted(map(_row_to_entry, rows), key=lambda entry: entry.number, reverse=True)
    is_forward = query.after is None
    return LibraryPage(
        entries=tuple(entries),
        has_newer=query.before is not None if is_forward else has_more,
        has_older=has_more if is_forward else True,
    )


def _select_numbers(connection: Connection, query: LibraryQuery) -> tuple[Select[Any], dict[str, Any]]:
    """Return the statement for the numbers of a page and one more, and its values."""
    words = full_text.split_words(query.words)
    source = full_text.search_source(connection) if words else library_entries
    values: dict[str, Any] = {"user_id": query.user_id, "limit": query.limit + 1}
    number: ColumnElement[Any]
    if query.favourites:
        number = favourites.c.number
        source = source.join(favourites, number == _ENTRY.number)
        statement = select(number).select_from(source).where(favourites.c.user_id == bindparam("user_id"))
    elif words:
        number = full_text.found_number(connection)
        statement = select(number).select_from(source).where(full_text.found_of_author(connection))
    else:
        number = _ENTRY.number
        statement = select(number).where(_ENTRY.author_id == bindparam("user_id"))
    if words:
        statement = statement.where(full_text.matches(connection))
        author = None if query.favourites else query.user_id
        values["words"] = full_text.to_query(connection, words, author_id=author)
    for column, value in ((_ENTRY.guild_id, query.guild_id), (_ENTRY.command, query.command)):
        if value is not None:
            statement = statement.where(column == bindparam(column.name))
            values[column.name] = value
    if query.kinds:
        statement = statement.where(_ENTRY.kind.in_(sorted(kind.value for kind in query.kinds)))
    order = full_text.found_order(connection) if words and not query.favourites else number
    if query.after is not None:
        values["after"] = query.after
        return statement.where(number > bindparam("after")).order_by(order).limit(bindparam("limit")), values
    if query.before is not None:
        values["before"] = query.before
        statement = statement.where(number < bindparam("before"))
    return statement.order_by(order.desc()).limit(bindparam("limit")), values


def _read_entry(connection: Connection, run_id: str, user_id: int) -> LibraryEntry | None:
    row = connection.execute(_DETAILS_OF_RUN, {"run_id": run_id, "user_id": user_id}).first()
    return None if row is None else _row_to_entry(row)


def _row_to_entry(row: Any) -> LibraryEntry:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
    values["kind"] = MediaKind(values["kind"])
    values["visibility"] = Visibility(values["visibility"])
    values["is_favourite"] = bool(values["is_favourite"])
    return LibraryEntry(**values)


_SELECT_STARRED: Final = (
    # Locked, so that of two people who pass the number of stars at the same time one sees both.
    select(_ENTRY.number, _ENTRY.author_id, _ENTRY.guild_id, _ENTRY.deleted_at, runs.c.visibility)
    .join(runs, runs.c.id == _ENTRY.run_id)
    .where(_BY_RUN)
    .with_for_update(of=library_entries)
)
_COUNT_OWN: Final = select(func.count()).select_from(favourites).where(favourites.c.user_id == bindparam("user_id"))
_COUNT_OTHERS: Final = (
    select(func.count())
    .select_from(favourites)
    .where(favourites.c.number == bindparam("number"), favourites.c.user_id != bindparam("author_id"))
)


def _set_favourite(
    connection: Connection, run_id: str, user_id: int, *, on: bool, rules: gallery.GalleryRules | None, now: datetime
) -> Starred:
    entry = connection.execute(_SELECT_STARRED, {"run_id": run_id}).first()
    if entry is None or (entry.visibility == Visibility.PRIVATE.value and user_id != entry.author_id):
        return Starred(missing=True)
    if on and connection.execute(_COUNT_OWN, {"user_id": user_id}).scalar_one() >= FAVOURITES:
        return Starred(full=True)
    if on:
        row = {"user_id": user_id, "number": entry.number, "created_at": now}
        inserted = insert_into(connection, favourites).values(row).on_conflict_do_nothing()
        changed = connection.execute(inserted.returning(favourites.c.number)).first() is not None
    else:
        own = (favourites.c.user_id == user_id) & (favourites.c.number == entry.number)
        changed = connection.execute(delete(favourites).where(own)).rowcount == 1
    stars: int = connection.execute(_COUNT_OTHERS, {"number": entry.number, "author_id": entry.author_id}).scalar_one()
    gallery.count_stars(connection, run_id, stars)
    is_copied = rules is not None and stars >= rules.stars and rules.guild_id == entry.guild_id
    is_due = (
        is_copied
        and rules is not None
        and entry.deleted_at is None
        and gallery.add_post(connection, run_id, author_id=entry.author_id, rules=rules, stars=stars, now=now)
    )
    return Starred(changed=changed, is_due=is_due)


def _insert_thumbnail(connection: Connection, run_id: str, data: bytes) -> None:
    entry = select(_ENTRY.number, bindparam("data", type_=LargeBinary)).where(_BY_RUN, _ENTRY.deleted_at.is_(None))
    statement = (
        insert_into(connection, library_thumbnails).from_select(["number", "data"], entry).on_conflict_do_nothing()
    )
    connection.execute(statement, {"run_id": run_id, "data": data})


_IDS: Final[BindParameter[int]] = bindparam("message_ids", expanding=True)
_MESSAGES: Final = union_all(
    select(runs.c.message_id).where(runs.c.message_id.in_(_IDS)),
    select(run_messages.c.message_id).where(run_messages.c.message_id.in_(_IDS)),
    select(gallery_posts.c.message_id).where(gallery_posts.c.message_id.in_(_IDS)),
)


_REMOVE_OUTPUTS: Final = update(run_outputs).where(
    run_outputs.c.run_id == bindparam("of_run"),
    run_outputs.c.message_id == bindparam("of_message"),
    run_outputs.c.removed_at.is_(None),
)
_OUTPUTS_LEFT: Final = select(run_outputs.c.number).where(
    run_outputs.c.run_id == bindparam("run_id"), run_outputs.c.removed_at.is_(None)
)


def _mark_message_deleted(connection: Connection, message_id: int, now: datetime) -> bool:
    if gallery.close_post(connection, message_id, now=now):
        return True
    run = read_run(connection, BY_MESSAGE, {"message_id": message_id})
    if run is None or run.delivered_at is None:
        return False  # while it is not delivered, its own task notices
    connection.execute(_REMOVE_OUTPUTS, {"of_run": run.id, "of_message": message_id, "removed_at": now})
    has_files = connection.execute(_FIRST_MIME, {"run_id": run.id}).scalar() is not None
    if run.delete_requested_at is not None:
        delete_entries(connection, [run.id], now=now)  # the bot itself is about to delete the others
    elif _has_no_outputs_left(connection, run.id) or (not has_files and message_id == run.place.message_id):
        _drop_deleted_in_discord(connection, [run.id], now=now)
    elif has_files:
        _drop_copies(connection, run.id, now=now)
    return True
