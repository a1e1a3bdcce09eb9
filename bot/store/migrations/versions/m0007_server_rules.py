"""Store the rules of servers: what they allow, every change of it, blocks, reports and threads of results."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and the server of an erased run."""
    op.create_table(
        "server_rules",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id"),
    )
    op.create_table(
        "server_changes",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger()),
        sa.Column("subject_id", sa.BigInteger()),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "number"),
    )
    op.create_table(
        "server_blocks",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by_id", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("guild_id", "user_id"),
    )
    op.create_index("server_blocks_by_user", "server_blocks", ["user_id"])
    op.create_table(
        "reports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="SET NULL")),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("reporter_id", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("log_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("log_message_id", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_by_id", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("state IN ('open', 'removed', 'blocked', 'dismissed')", name="report_state_is_known"),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "reports_open", "reports", ["message_id"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("reports_by_run", "reports", ["run_id"])
    op.create_index("reports_by_author", "reports", ["author_id"])
    op.create_index("reports_by_reporter", "reports", ["reporter_id"])
    op.create_index("reports_by_time", "reports", ["created_at"])
    op.create_table(
        "result_threads",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "user_id"),
    )
    op.create_index("result_threads_by_user", "result_threads", ["user_id"])
    op.add_column("erased_runs", sa.Column("guild_id", sa.BigInteger()))
