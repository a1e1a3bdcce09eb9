"""The tables, as the newest migration leaves them.

What must always hold is written as CHECKs, so that no version of this program, and no person with a database shell,
can break it:

- a prediction is known only for a run whose create request left;
- a submitted or running run, and a success, has a prediction;
- a run has ended exactly when its state is terminal, and only an ended run is delivered;
- a delivered run keeps no interaction token;
- a cancel has a time exactly when it has a person.

Indexes over the few runs that are not over yet are partial: they stay small however long the history grows.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from bot.store.columns import Json, Time, Words

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("application_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("token", Text),
    Column("token_expires_at", Time, nullable=False),
    Column("token_only", Boolean, nullable=False),
    Column("file_limit", BigInteger, nullable=False),
    Column("input", Json, nullable=False),
    Column("prompt", Words),
    Column("summary", Words, nullable=False),
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
    Column("cancel_requested_by", Words),
    Column("ended_at", Time),
    Column("delivered_at", Time),
    Column("failure", Words),
    Column("cause", Text),
    Column("output", Json),
    Column("metrics", Json, nullable=False),
    Column("forgotten_at", Time),
    Column("erase_asked_at", Time),
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
    CheckConstraint("(cancel_requested_at IS NULL) = (cancel_requested_by IS NULL)", name="cancel_has_time_and_person"),
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

# The files a person gave. They lie apart from the runs so that reading a run reads no pictures.
run_files = Table(
    "run_files",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("mime", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# The further messages of a run: 0 is the notice that it is over, the others count from 1.
run_messages = Table(
    "run_messages",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("message_id", BigInteger, nullable=False),
)
Index("run_messages_by_message", run_messages.c.message_id)

# The further message that is being sent: it may be in Discord, and its id is not known yet.
run_sends = Table(
    "run_sends",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, nullable=False),
)

# What stays of a deleted run for one day, so that deleting does not refill the day's limit.
erased_runs = Table(
    "erased_runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("author_id", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("erased_runs_by_author", erased_runs.c.author_id, erased_runs.c.created_at)

# How many runs ever ended in each state; pruning does not lower it.
ends = Table(
    "ends",
    metadata,
    Column("state", Text, primary_key=True),
    Column("runs", BigInteger, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("name", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("description", Words),
    Column("options", Json, nullable=False),
    Column("added_by", BigInteger),
    Column("added_at", Time, nullable=False),
)

schemas = Table(
    "schemas",
    metadata,
    Column("target", Text, primary_key=True),
    Column("payload", Json, nullable=False),
    Column("fetched_at", Time, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Json, nullable=False),
)
