"""Create every table: runs with their files and messages, erased runs, commands, schemas, notes.

Times are microseconds since 1970 in UTC; JSON and words are text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _create_runs()
    _index_runs()
    _create_beside_runs()
    _create_memory()


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("application_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("token_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("token_only", sa.Boolean(), nullable=False),
        sa.Column("file_limit", sa.BigInteger(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text()),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("output_schema", sa.Text(), nullable=False),
        sa.Column("expected", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("webhook", sa.Text()),
        sa.Column("prediction_id", sa.Text()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("cancel_requested_at", sa.BigInteger()),
        sa.Column("cancel_requested_by", sa.Text()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("delivered_at", sa.BigInteger()),
        sa.Column("failure", sa.Text()),
        sa.Column("cause", sa.Text()),
        sa.Column("output", sa.Text()),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("forgotten_at", sa.BigInteger()),
        sa.Column("erase_asked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        *_checks(),
    )


def _checks() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "state IN ('reserved', 'submitted', 'running', 'succeeded', 'failed', 'canceled', 'aborted')",
            name="state_is_known",
        ),
        sa.CheckConstraint("prediction_id IS NULL OR sent_at IS NOT NULL", name="predicted_only_when_sent"),
        sa.CheckConstraint(
            "prediction_id IS NOT NULL OR state NOT IN ('submitted', 'running', 'succeeded')",
            name="submitted_means_predicted",
        ),
        sa.CheckConstraint("prediction_id IS NULL OR state <> 'reserved'", name="reserved_means_not_predicted"),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('reserved', 'submitted', 'running'))", name="ended_means_terminal"
        ),
        sa.CheckConstraint("delivered_at IS NULL OR ended_at IS NOT NULL", name="delivered_only_when_ended"),
        sa.CheckConstraint("delivered_at IS NULL OR token IS NULL", name="delivered_keeps_no_token"),
        sa.CheckConstraint(
            "(cancel_requested_at IS NULL) = (cancel_requested_by IS NULL)", name="cancel_has_time_and_person"
        ),
        sa.CheckConstraint("forgotten_at IS NULL OR delivered_at IS NOT NULL", name="forgotten_only_when_delivered"),
    )


def _index_runs() -> None:
    op.create_index("runs_by_prediction", "runs", ["prediction_id"], unique=True)
    op.create_index("runs_by_message", "runs", ["message_id"])
    op.create_index("runs_by_author", "runs", ["author_id", "created_at", "id"])
    _partial("runs_active", ["author_id", "state"], "ended_at IS NULL")
    _partial("runs_undelivered", ["created_at"], "delivered_at IS NULL")
    _partial("runs_delivered", ["delivered_at"], "delivered_at IS NOT NULL")
    _partial("runs_remembered", ["delivered_at"], "delivered_at IS NOT NULL AND forgotten_at IS NULL")


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "runs", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_beside_runs() -> None:
    op.create_table(
        "run_files",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("suffix", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "run_messages",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
    )
    op.create_index("run_messages_by_message", "run_messages", ["message_id"])
    op.create_table(
        "erased_runs",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("erased_runs_by_author", "erased_runs", ["author_id", "created_at"])
    op.create_table(
        "ends",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state"),
    )


def _create_memory() -> None:
    op.create_table(
        "commands",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("added_by", sa.BigInteger()),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "schemas",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target"),
    )
    op.create_table(
        "notes",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
