"""Store what runs are expected to cost and have cost, budgets, and what is used of them.

Runs of before have no cost. Code of before inserts runs without an estimate, which reserve nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the tables."""
    for name in ("estimate", "usual_seconds", "cost"):
        op.add_column("runs", sa.Column(name, sa.BigInteger()))
    op.add_column("runs", sa.Column("budget_roles", sa.Text()))
    op.create_table(
        "budget_sums",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day"),
    )
    op.create_index("budget_sums_by_day", "budget_sums", ["day"])
    op.create_table(
        "budgets",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.BigInteger()),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("warned_for", sa.Integer()),
        sa.Column("told_for", sa.Integer()),
        sa.PrimaryKeyConstraint("owner", "key", "period"),
    )
    op.create_index("budgets_by_key", "budgets", ["key"])
    op.create_index("budgets_by_guild", "budgets", ["guild_id"])
    op.create_table(
        "usage_days",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "guild_id", "author_id", "command"),
    )
    op.create_index("usage_days_by_author", "usage_days", ["author_id", "day"])
    op.create_index("usage_days_by_guild", "usage_days", ["guild_id", "day"])
    op.create_table(
        "run_samples",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("outputs", sa.BigInteger(), nullable=False),
        sa.Column("quantities", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "slot"),
    )
    op.create_index("run_samples_by_time", "run_samples", ["taken_at"])
