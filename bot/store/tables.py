"""The tables as of the latest migration, and their column types."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Time(TypeDecorator[datetime]):
    """An aware time, stored as whole microseconds since 1970 in UTC.

    An integer sorts, compares and subtracts alike in every database, takes 8 bytes in an index, and comes back exactly
    as it was stored. ISO text sorts correctly only while every writer pads it in the same way.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the microseconds; ValueError if the time has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone.")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the time, aware and in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Day(TypeDecorator[date]):
    """A day in UTC, stored as its number: an integer sorts alike in every database."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the number of the day."""
        return None if value is None else value.toordinal()

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the day."""
        return None if value is None else date.fromordinal(value)


class Json(TypeDecorator[Any]):
    """Any JSON value, returned exactly as it was stored; Python's None is NULL.

    It is written by the standard library, not by orjson, which turns a NaN into null and an integer beyond 64 bits
    into a float, and rejects lone surrogates. Models do return such values.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the JSON text."""
        return None if value is None else json.dumps(value, separators=(",", ":"), default=_to_json)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the value."""
        return None if value is None else json.loads(value)


class ValidText(TypeDecorator[str]):
    """Text from people or models, without what a database rejects.

    Lone surrogates become question marks; NUL, which PostgreSQL rejects, becomes U+FFFD.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return valid UTF-8."""
        return None if value is None else replace_invalid(value)


def replace_invalid(text: str) -> str:
    """Return the text without what a database rejects: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def insert_into(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT that can have ON CONFLICT, which SQLAlchemy offers for each database in its own class."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _to_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author_name", ValidText, nullable=False),
    Column("application_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("token", Text),
    Column("token_expires_at", Time, nullable=False),
    Column("token_only", Boolean, nullable=False),
    Column("file_limit", BigInteger, nullable=False),
    Column("input", Json, nullable=False),
    Column("prompt", ValidText),
    Column("summary", ValidText, nullable=False),
    Column("notes", Json, nullable=False),
    Column("output_schema", Json, nullable=False),
    Column("expected", BigInteger),
    Column("state", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sent_at", Time),
    Column("webhook", Text),
    Column("prediction_id", Text),
    Column("started_at", Time),
    Column("cancel_requested_at", Time),
    Column("cancel_requested_by", ValidText),
    Column("canceled_by_id", BigInteger),
    Column("ended_at", Time),
    Column("delivered_at", Time),
    Column("failure", ValidText),
    Column("cause", Text),
    Column("output", Json),
    Column("metrics", Json, nullable=False),
    Column("forgotten_at", Time),
    Column("erase_asked_at", Time),
    Column("fence", BigInteger),
    Column("parent_run_id", Text),
    Column("parent_output", Integer),
    Column("visibility", Text, nullable=False, server_default="public"),
    Column("seed", BigInteger),
    Column("delete_requested_at", Time),
    Column("deleted_at", Time),
    Column("written", Json),
    Column("characters", Json),
    Column("estimate", BigInteger),
    Column("usual_seconds", BigInteger),
    Column("cost", BigInteger),
    Column("budget_roles", Json),
    Column("chain", Json),
    Column("checker", Text),
    Column("language", Text, nullable=False, server_default="en-US"),
    CheckConstraint(
        "state IN ('reserved', 'submitted', 'running', 'succeeded', 'failed', 'canceled', 'aborted')",
        name="state_is_known",
    ),
    CheckConstraint("prediction_id IS NULL OR sent_at IS NOT NULL", name="predicted_only_when_sent"),
    CheckConstraint(
        "prediction_id IS NOT NULL OR state NOT IN ('submitted', 'running', 'succeeded')",
        name="submitted_means_predicted",
    ),
    CheckConstraint("prediction_id IS NULL OR state <> 'reserved'", name="reserved_means_not_predicted"),
    CheckConstraint(
        "(ended_at IS NULL) = (state IN ('reserved', 'submitted', 'running'))", name="ended_means_terminal"
    ),
    CheckConstraint("delivered_at IS NULL OR ended_at IS NOT NULL", name="delivered_only_when_ended"),
    CheckConstraint("delivered_at IS NULL OR token IS NULL", name="delivered_keeps_no_token"),
    CheckConstraint(
        "cancel_requested_at IS NOT NULL OR (cancel_requested_by IS NULL AND canceled_by_id IS NULL)",
        name="canceled_by_only_when_requested",
    ),
    CheckConstraint("forgotten_at IS NULL OR delivered_at IS NOT NULL", name="forgotten_only_when_delivered"),
)

Index("runs_by_prediction", runs.c.prediction_id, unique=True)
Index("runs_by_message", runs.c.message_id)
Index("runs_by_author", runs.c.author_id, runs.c.created_at, runs.c.id)
_ACTIVE = runs.c.ended_at.is_(None)
Index("runs_active", runs.c.author_id, runs.c.state, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
_UNDELIVERED = runs.c.delivered_at.is_(None)
Index("runs_undelivered", runs.c.created_at, sqlite_where=_UNDELIVERED, postgresql_where=_UNDELIVERED)
_DELIVERED = runs.c.delivered_at.is_not(None)
Index("runs_delivered", runs.c.delivered_at, sqlite_where=_DELIVERED, postgresql_where=_DELIVERED)
_REMEMBERED = _DELIVERED & runs.c.forgotten_at.is_(None)
Index("runs_remembered", runs.c.delivered_at, sqlite_where=_REMEMBERED, postgresql_where=_REMEMBERED)
Index("runs_by_fence", runs.c.fence, sqlite_where=_UNDELIVERED, postgresql_where=_UNDELIVERED)
_BEING_DELETED = runs.c.delete_requested_at.is_not(None) & runs.c.deleted_at.is_(None)
Index("runs_being_deleted", runs.c.delete_requested_at, sqlite_where=_BEING_DELETED, postgresql_where=_BEING_DELETED)
_CANCELED = runs.c.canceled_by_id.is_not(None)
Index("runs_by_canceler", runs.c.canceled_by_id, sqlite_where=_CANCELED, postgresql_where=_CANCELED)

# The uploaded files, in a table of their own so that reading a run does not read them.
run_files = Table(
    "run_files",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", ValidText, nullable=False),
    Column("mime", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# The output files that Discord got when the run was delivered, numbered from 1 over all its messages.
run_outputs = Table(
    "run_outputs",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", ValidText, nullable=False),
    Column("mime", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("message_id", BigInteger, nullable=False),
    Column("attachment_id", BigInteger, nullable=False),
    Column("remove_requested_at", Time),
    Column("removed_at", Time),
)
_BEING_REMOVED = run_outputs.c.remove_requested_at.is_not(None) & run_outputs.c.removed_at.is_(None)
Index(
    "run_outputs_being_removed",
    run_outputs.c.remove_requested_at,
    sqlite_where=_BEING_REMOVED,
    postgresql_where=_BEING_REMOVED,
)

# The reactions under finished results that were acted upon, so that none counts twice after a restart.
result_reactions = Table(
    "result_reactions",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    Column("emoji", Text, primary_key=True),
    Column("at", Time, nullable=False),
)
Index("result_reactions_by_time", result_reactions.c.at)
Index("result_reactions_by_user", result_reactions.c.user_id)
# The characters that people saved; ``key`` is the name as it is compared.
characters = Table(
    "characters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner_name", ValidText, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("key", ValidText, nullable=False),
    Column("description", ValidText, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("characters_by_owner", characters.c.owner_id, characters.c.key, unique=True)

# Their pictures, numbered from 0, each with a small copy for lists.
character_pictures = Table(
    "character_pictures",
    metadata,
    Column("character_id", Text, ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", ValidText, nullable=False),
    Column("mime", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
)

# The servers that a character is shared with. ``left_at`` is when the bot was last found to be removed from the server.
character_shares = Table(
    "character_shares",
    metadata,
    Column("character_id", Text, ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("key", ValidText, nullable=False),
    Column("shared_at", Time, nullable=False),
    Column("left_at", Time),
)
Index("character_shares_by_guild", character_shares.c.guild_id, character_shares.c.key, unique=True)

# Whose characters a run was given, so that what is erased with a person is erased there, too.
run_characters = Table(
    "run_characters",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("character_id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
)
Index("run_characters_by_owner", run_characters.c.owner_id)

# The presets that people saved: a command, the inputs that are fixed, and the names of those that are asked for.
presets = Table(
    "presets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner_name", ValidText, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("key", ValidText, nullable=False),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("template", ValidText),
    Column("fixed", Json, nullable=False),
    Column("asked", Json, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("presets_by_owner", presets.c.owner_id, presets.c.key, unique=True)

# The servers that a preset is shared with; 0 is everybody. A published one is a command of the server.
preset_shares = Table(
    "preset_shares",
    metadata,
    Column("preset_id", Text, ForeignKey("presets.id", ondelete="CASCADE"), primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("key", ValidText, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("shared_at", Time, nullable=False),
    Column("left_at", Time),
)
Index("preset_shares_by_guild", preset_shares.c.guild_id, preset_shares.c.key, unique=True)

# What a person chose with /me; a column without a value is as it is for everybody.
preferences = Table(
    "preferences",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("command", Text),
    Column("visibility", Text),
    Column("aspect_ratio", Text),
    Column("language", Text),
)

# The follow-up messages of a run, numbered from 1; 0 is the completion notice.
run_messages = Table(
    "run_messages",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("message_id", BigInteger, nullable=False),
)
Index("run_messages_by_message", run_messages.c.message_id)

# The follow-up message that is being sent: it may exist in Discord, but its id is not known yet.
run_sends = Table(
    "run_sends",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, nullable=False),
)

# The end of a prediction whose server tells it only once, as JSON, until its run has ended.
prediction_ends = Table(
    "prediction_ends",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("prediction", ValidText, nullable=False),
    Column("received_at", Time, nullable=False),
)

# What is kept of a deleted run for one day, so that erasing does not reset the daily limit.
erased_runs = Table(
    "erased_runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("author_id", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("guild_id", BigInteger),
)
Index("erased_runs_by_author", erased_runs.c.author_id, erased_runs.c.created_at)

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
# What is spent, and reserved for runs that have not ended, in micro-dollars, by whose it is (``bot.money.budgets``) and
# by the day on which the runs were created.
budget_sums = Table(
    "budget_sums",
    metadata,
    Column("key", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("reserved", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
)

Index("budget_sums_by_day", budget_sums.c.day)

# Who may spend how much. ``warned_for`` is the first day of the period of which most was used, ``told_for`` that of the
# last one that somebody was told of.
budgets = Table(
    "budgets",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("guild_id", BigInteger),
    Column("amount", BigInteger, nullable=False),
    Column("set_by", BigInteger),
    Column("set_at", Time, nullable=False),
    Column("warned_for", Day),
    Column("told_for", Day),
)
Index("budgets_by_key", budgets.c.key)
Index("budgets_by_guild", budgets.c.guild_id)

# What the runs that have ended have cost. The author 0 stands for people whose data is erased, the guild 0 for DMs.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Day, primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("author_id", BigInteger, primary_key=True),
    Column("command", Text, primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("runs", BigInteger, nullable=False),
)
Index("usage_days_by_author", usage_days.c.author_id, usage_days.c.day)
Index("usage_days_by_guild", usage_days.c.guild_id, usage_days.c.day)

# What some earlier runs of a command and model took, in a fixed number of slots: enough for a median.
run_samples = Table(
    "run_samples",
    metadata,
    Column("subject", ValidText, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("milliseconds", BigInteger, nullable=False),
    Column("outputs", BigInteger, nullable=False),
    Column("quantities", Json, nullable=False),
    Column("taken_at", Time, nullable=False),
)
Index("run_samples_by_time", run_samples.c.taken_at)

commands = Table(
    "commands",
    metadata,
    Column("name", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("description", ValidText),
    Column("added_by", BigInteger),
    Column("added_at", Time, nullable=False),
)

schemas = Table(
    "schemas",
    metadata,
    Column("target", Text, primary_key=True),
    Column("payload", Json, nullable=False),
)

key_value = Table(
    "key_value",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Json, nullable=False),
)

# The processes of one bot and what they own; PostgreSQL only. See ``bot.store.leases``.
processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", ValidText, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)
lease_fences = Sequence("lease_fences", metadata=metadata)

# The rates that the processes share, and in which of them people wait for a create. See ``bot.store.shared_limits``.
rates = Table(
    "rates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("free_at", BigInteger, nullable=False),
)
create_turns = Table(
    "create_turns",
    metadata,
    Column("process", Text, primary_key=True),
    Column("lately", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)

# What a server allows, as JSON (``bot.rules.stored``), and every change of it. See ``bot.store.server_rules``.
server_rules = Table(
    "server_rules",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rules", Json, nullable=False),
    Column("changed_at", Time, nullable=False),
)
server_changes = Table(
    "server_changes",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("section", Text, nullable=False),
    Column("by_id", BigInteger),
    Column("subject_id", BigInteger),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("changed_at", Time, nullable=False),
)

# Who may start no run in a server.
server_blocks = Table(
    "server_blocks",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("by_id", BigInteger),
    Column("reason", ValidText, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
)
Index("server_blocks_by_user", server_blocks.c.user_id)

# Results that somebody reported to the moderators, with the card in the log channel. See ``bot.store.reports``.
reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="SET NULL")),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author_name", ValidText, nullable=False),
    Column("command", Text, nullable=False),
    Column("reporter_id", BigInteger),
    Column("reason", ValidText, nullable=False),
    Column("state", Text, nullable=False),
    Column("log_channel_id", BigInteger, nullable=False),
    Column("log_message_id", BigInteger),
    Column("created_at", Time, nullable=False),
    Column("closed_by_id", BigInteger),
    Column("closed_at", Time),
    CheckConstraint("state IN ('open', 'removed', 'blocked', 'dismissed')", name="report_state_is_known"),
)
_OPEN_REPORT = reports.c.state == "open"
Index("reports_open", reports.c.message_id, unique=True, sqlite_where=_OPEN_REPORT, postgresql_where=_OPEN_REPORT)
Index("reports_by_run", reports.c.run_id)
Index("reports_by_author", reports.c.author_id)
Index("reports_by_reporter", reports.c.reporter_id)
Index("reports_by_time", reports.c.created_at)

# A picture that a classifying command was asked about, before a server shows it. See ``bot.picture_checks``.
picture_checks = Table(
    "picture_checks",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sent_at", Time, nullable=False),
    Column("prediction_id", Text),
    Column("verdict", Text),
)

# The thread of a channel that shows a person's results, where a server wants them in threads.
result_threads = Table(
    "result_threads",
    metadata,
    Column("channel_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, nullable=False),
)
Index("result_threads_by_user", result_threads.c.user_id)

# The chains that are under way: the run of the step that each is at. See ``bot.store.chain_runs``.
chain_runs = Table(
    "chain_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("author_id", BigInteger, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("cancel_requested_at", Time),
    Column("canceled_by_id", BigInteger),
)
Index("chain_runs_by_author", chain_runs.c.author_id)

# The chains that people saved. A name is theirs alone, but for those that editors offer to everybody.
saved_chains = Table(
    "saved_chains",
    metadata,
    Column("author_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("steps", Json, nullable=False),
    Column("for_everybody", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
)
_FOR_EVERYBODY = saved_chains.c.for_everybody
Index(
    "saved_chains_for_everybody",
    saved_chains.c.name,
    unique=True,
    sqlite_where=_FOR_EVERYBODY,
    postgresql_where=_FOR_EVERYBODY,
)

# What was entered for runs that were refused, for some minutes. See ``bot.store.refused_runs``.
refused_runs = Table(
    "refused_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", BigInteger, nullable=False),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("chain", ValidText),
    Column("entered", Json, nullable=False),
    Column("text", ValidText, nullable=False),
    Column("files", Json, nullable=False),
    Column("remarks", Json, nullable=False),
    Column("again_run_id", Text),
    Column("parent_run_id", Text),
    Column("parent_output", Integer),
    Column("visibility", Text),
    Column("created_at", Time, nullable=False),
)
Index("refused_runs_by_person", refused_runs.c.person_id, refused_runs.c.created_at)
Index("refused_runs_by_time", refused_runs.c.created_at)
