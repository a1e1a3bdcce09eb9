"""Store what was entered for runs that were refused."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "refused_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text()),
        sa.Column("entered", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.Column("again_run_id", sa.Text()),
        sa.Column("parent_run_id", sa.Text()),
        sa.Column("parent_output", sa.Integer()),
        sa.Column("visibility", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refused_runs_by_person", "refused_runs", ["person_id", "created_at"])
    op.create_index("refused_runs_by_time", "refused_runs", ["created_at"])
