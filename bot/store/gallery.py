"""Copies of results in the galleries of servers, and messages of the bot that are to be deleted in Discord.

A copy has its row before it is sent, and a deletion has its row before anything else of the message is forgotten: so
a bot that is killed at any moment posts once and deletes what it has to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from bot.clock import Clock
from bot.limits import GALLERY_STARS
from bot.store.database import Database
from bot.store.tables import (
    Time,
    favourites,
    gallery_consents,
    gallery_posts,
    insert_into,
    library_entries,
    message_removals,
    run_messages,
    run_outputs,
    runs,
)
from bot.visibility import Visibility

_POST: Final = gallery_posts.c


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryRules:
    """Where a server shows what its members like, and how many ⭐ by others it takes."""

    guild_id: int
    channel_id: int
    stars: int = GALLERY_STARS


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryConsent:
    """What somebody allows with their results: copies in galleries, and their prompts in these."""

    copies: bool = True
    prompts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPost:
    """The copy of a result. ``sending_at``: it may have been sent. ``message_id`` is None until that is known.

    ``stars`` are the ⭐ by others.
    """

    run_id: str
    guild_id: int
    channel_id: int
    created_at: datetime
    sending_at: datetime | None
    message_id: int | None
    stars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRemoval:
    """A message that is to be deleted. Without an id, it is the one that links to ``original``, if it was sent.

    Without either, it is every message of the bot's in the channel, which is somebody's direct messages.
    """

    number: int
    guild_id: int | None
    channel_id: int
    message_id: int | None
    original: str | None
    requested_at: datetime


class Gallery:
    """The posts in the database. Each change is one compare-and-set."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list_unsent(self, *, limit: int) -> tuple[GalleryPost, ...]:
        """Return the posts that are not known to be in Discord, the oldest first."""
        return await self._list(_UNSENT.limit(limit))

    async def list_outdated(self, *, limit: int) -> tuple[GalleryPost, ...]:
        """Return the posts that show another number of ⭐ than there are, the newest first."""
        return await self._list(_OUTDATED.limit(limit))

    async def mark_sending(self, run_id: str) -> bool:
        """Store that a post is about to be sent: from then on it may exist. False if another does it, or it is gone."""
        return await self._update(run_id, _POST.sending_at.is_(None), sending_at=self._clock.now())

    async def mark_sent(self, run_id: str, message_id: int, *, stars: int) -> bool:
        """Store the message of a post; False if its result was deleted meanwhile, and so must the message be."""
        return await self._update(run_id, _POST.message_id.is_(None), message_id=message_id, stars_shown=stars)

    async def mark_shown(self, run_id: str, *, stars: int) -> bool:
        """Store how many ⭐ the message shows."""
        return await self._update(run_id, _POST.message_id.is_not(None), stars_shown=stars)

    async def close_post(self, message_id: int) -> None:
        """Store that a message is gone or cannot be changed, so that it is left alone."""
        now = self._clock.now()
        await self._database.write(lambda connection: close_post(connection, message_id, now=now))

    async def drop_unsent(self, run_id: str) -> None:
        """Forget a post that is given up, and have it deleted if it may have been sent. A new ⭐ may bring it back."""
        now = self._clock.now()
        await self._database.write(lambda connection: remove_posts(connection, [run_id], now=now))

    async def find_run(self, message_id: int) -> str | None:
        """Return the run whose copy a message is."""
        query = select(_POST.run_id).where(_POST.message_id == message_id)
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def get_consent(self, user_id: int) -> GalleryConsent:
        """Return what somebody allows."""
        return await self._database.read(lambda connection: read_consent(connection, user_id))

    async def set_consent(self, user_id: int, consent: GalleryConsent) -> None:
        """Store what somebody allows; without copies, those that are there are removed."""
        now = self._clock.now()
        await self._database.write(lambda connection: _write_consent(connection, user_id, consent, now=now))

    async def request_removal(self, *, guild_id: int | None, channel_id: int, message_id: int) -> None:
        """Store that a message is to be deleted."""
        row = {"guild_id": guild_id, "channel_id": channel_id, "message_id": message_id}
        now = self._clock.now()
        await self._database.write(
            lambda connection: connection.execute(insert(message_removals), row | {"requested_at": now}).rowcount
        )

    async def request_clearing(self, channel_id: int) -> None:
        """Store that all of the bot's messages in a direct message channel are to be deleted."""
        row = {"channel_id": channel_id, "requested_at": self._clock.now()}
        await self._database.write(lambda connection: connection.execute(insert(message_removals), row).rowcount)

    async def list_removals(self, *, limit: int, after: int = 0) -> tuple[MessageRemoval, ...]:
        """Return messages that are to be deleted, the oldest first, behind number ``after``."""
        columns = message_removals.c
        query = select(message_removals).where(columns.number > after).order_by(columns.number).limit(limit)
        return await self._database.read(
            lambda connection: tuple(MessageRemoval(**row) for row in connection.execute(query).mappings())
        )

    async def mark_removed(self, number: int) -> None:
        """Forget a message that is deleted."""
        done = delete(message_removals).where(message_removals.c.number == number)
        await self._database.write(lambda connection: connection.execute(done).rowcount)

    async def _list(self, query: Any) -> tuple[GalleryPost, ...]:
        return await self._database.read(
            lambda connection: tuple(GalleryPost(**row) for row in connection.execute(query).mappings())
        )

    async def _update(self, run_id: str, condition: Any, **values: Any) -> bool:
        statement = update(gallery_posts).where(_POST.run_id == run_id, condition).values(values)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


_SELECT_POSTS: Final = select(
    _POST.run_id, _POST.guild_id, _POST.channel_id, _POST.created_at, _POST.sending_at, _POST.message_id, _POST.stars
).order_by(_POST.created_at)
_UNSENT: Final = _SELECT_POSTS.where(_POST.message_id.is_(None))
_OUTDATED: Final = (
    _SELECT_POSTS.where(_POST.message_id.is_not(None), _POST.closed_at.is_(None), _POST.stars != _POST.stars_shown)
    .order_by(None)
    .order_by(_POST.created_at.desc())
)


# -- what other transactions of the store do with them


def read_consent(connection: Connection, user_id: int) -> GalleryConsent:
    """Return what somebody allows."""
    columns = gallery_consents.c
    row = connection.execute(select(columns.copies, columns.prompts).where(columns.user_id == user_id)).first()
    return GalleryConsent() if row is None else GalleryConsent(copies=row.copies, prompts=row.prompts)


def add_post(
    connection: Connection, run_id: str, *, author_id: int, rules: GalleryRules, stars: int, now: datetime
) -> bool:
    """Add the post of a result that has pictures; False if there is one, or its author does not allow it."""
    picture = (
        select(run_outputs.c.number)
        .where(
            run_outputs.c.run_id == run_id,
            run_outputs.c.removed_at.is_(None),
            run_outputs.c.mime.startswith("image/"),
        )
        .limit(1)
    )
    shown = select(runs.c.id).where(
        runs.c.id == run_id, runs.c.visibility != Visibility.PRIVATE.value, runs.c.token_only.is_(False)
    )
    if not read_consent(connection, author_id).copies or connection.execute(shown).first() is None:
        return False
    if connection.execute(picture).first() is None:
        return False
    row = {"run_id": run_id, "guild_id": rules.guild_id, "channel_id": rules.channel_id, "created_at": now}
    row |= {"stars": stars, "stars_shown": stars}
    statement = insert_into(connection, gallery_posts).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(_POST.run_id)).first() is not None


def count_stars(connection: Connection, run_id: str, stars: int) -> None:
    """Store how many ⭐ by others a result has, if it has a post."""
    connection.execute(update(gallery_posts).where(_POST.run_id == run_id).values(stars=stars))


def recount_stars(connection: Connection, numbers: Sequence[int]) -> None:
    """Count the ⭐ of entries anew, after those of somebody were erased."""
    entry = library_entries.c
    by_others = (
        select(func.count())
        .select_from(favourites)
        .join(library_entries, entry.number == favourites.c.number)
        .where(entry.run_id == _POST.run_id, favourites.c.user_id != entry.author_id)
        .scalar_subquery()
    )
    posted = select(entry.run_id).where(entry.number.in_(list(numbers)))
    connection.execute(update(gallery_posts).where(_POST.run_id.in_(posted)).values(stars=by_others))


def close_post(connection: Connection, message_id: int, *, now: datetime) -> bool:
    """Leave a message alone from now on; return whether it is a post."""
    closed = update(gallery_posts).where(_POST.message_id == message_id).values(closed_at=now)
    return connection.execute(closed).rowcount > 0


def remove_posts(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> None:
    """Delete the posts of results, and have their messages deleted: also one that may just have been sent."""
    of_runs = _POST.run_id.in_(list(run_ids))
    sent = (
        select(_POST.guild_id, _POST.channel_id, _POST.message_id, _ORIGINAL, literal(now, type_=Time))
        .join(runs, runs.c.id == _POST.run_id)
        .where(of_runs, or_(_POST.message_id.is_not(None), _POST.sending_at.is_not(None)))
    )
    connection.execute(insert(message_removals).from_select(_REMOVAL_COLUMNS, sent))
    connection.execute(delete(gallery_posts).where(of_runs))


def remove_messages(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> None:
    """Have every message of runs deleted that the bot itself reaches."""
    of_runs = runs.c.id.in_(list(run_ids)) & runs.c.token_only.is_(False)
    place = (runs.c.guild_id, runs.c.channel_id)
    end = (null(), literal(now, type_=Time))
    cards = select(*place, runs.c.message_id, *end).where(of_runs)
    further = select(*place, run_messages.c.message_id, *end).join(runs, runs.c.id == run_messages.c.run_id)
    connection.execute(insert(message_removals).from_select(_REMOVAL_COLUMNS, union_all(cards, further.where(of_runs))))


def _write_consent(connection: Connection, user_id: int, consent: GalleryConsent, *, now: datetime) -> None:
    values = {"copies": consent.copies, "prompts": consent.prompts}
    statement = insert_into(connection, gallery_consents).values({"user_id": user_id, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
    if not consent.copies:
        own = select(_POST.run_id).join(runs, runs.c.id == _POST.run_id).where(runs.c.author_id == user_id)
        remove_posts(connection, connection.execute(own).scalars().all(), now=now)


_REMOVAL_COLUMNS: Final = ["guild_id", "channel_id", "message_id", "original", "requested_at"]
_ORIGINAL: Final = (
    cast(runs.c.guild_id, Text) + "/" + cast(runs.c.channel_id, Text) + "/" + cast(runs.c.message_id, Text)
)
