"""The tables of libraries and galleries."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from bot.store.tables.columns import Time, ValidText, metadata

# What people find again in their libraries: one row for each delivered result, numbered in that order. ``words`` are
# what it is searched by (``bot.store.full_text``); ``deleted_at`` is when its messages were deleted in Discord.
library_entries = Table(
    "library_entries",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("command", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("words", ValidText, nullable=False),
    Column("deleted_at", Time),
)
Index("library_entries_by_run", library_entries.c.run_id, unique=True)
# A page with any filter is read from an index alone, whatever a person has made.
Index(
    "library_entries_by_author",
    library_entries.c.author_id,
    library_entries.c.number,
    library_entries.c.command,
    library_entries.c.guild_id,
    library_entries.c.kind,
)
Index(
    "library_entries_by_command",
    library_entries.c.author_id,
    library_entries.c.command,
    library_entries.c.number,
    library_entries.c.guild_id,
    library_entries.c.kind,
)

# A small picture of a result. One without bytes says that none can be made.
library_thumbnails = Table(
    "library_thumbnails",
    metadata,
    Column("number", Integer, ForeignKey("library_entries.number", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

favourites = Table(
    "favourites",
    metadata,
    Column("user_id", BigInteger, primary_key=True),
    Column("number", Integer, ForeignKey("library_entries.number", ondelete="CASCADE"), primary_key=True),
    Column("created_at", Time, nullable=False),
)
Index("favourites_by_entry", favourites.c.number, favourites.c.user_id)

# What a person said about copies of their results in galleries; without a row, ``copies`` and not ``prompts``.
gallery_consents = Table(
    "gallery_consents",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("copies", Boolean, nullable=False),
    Column("prompts", Boolean, nullable=False),
)

# The copy of a result in its server's gallery. It is written before the message is sent (``sending_at``), so from then
# on the message may exist. ``stars`` are the favourites by others, ``stars_shown`` those in the message; once it is
# closed, the message is left as it is.
gallery_posts = Table(
    "gallery_posts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sending_at", Time),
    Column("message_id", BigInteger),
    Column("stars", Integer, nullable=False),
    Column("stars_shown", Integer, nullable=False),
    Column("closed_at", Time),
)
Index("gallery_posts_by_message", gallery_posts.c.message_id)
_UNSENT = gallery_posts.c.message_id.is_(None)
Index("gallery_posts_unsent", gallery_posts.c.created_at, sqlite_where=_UNSENT, postgresql_where=_UNSENT)
_OUTDATED = (
    gallery_posts.c.message_id.is_not(None)
    & gallery_posts.c.closed_at.is_(None)
    & (gallery_posts.c.stars != gallery_posts.c.stars_shown)
)
Index("gallery_posts_outdated", gallery_posts.c.created_at, sqlite_where=_OUTDATED, postgresql_where=_OUTDATED)

# Messages of the bot that are to be deleted in Discord; nothing else is kept of what they showed. One whose id is not
# known, because the bot may have been killed while it was sent, is found by the address in it (``original``). Without
# either, it is every message of the bot's in the channel.
message_removals = Table(
    "message_removals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("original", Text),
    Column("requested_at", Time, nullable=False),
)
