"""The tables of a run and of what belongs to it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from bot.store.tables.columns import Json, Time, ValidText, metadata

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
