"""Store the output files that Discord got, and of a run where it came from, who sees it, and its deletion."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns; the runs of before are public and have no rows of outputs."""
    op.add_column("runs", sa.Column("parent_run_id", sa.Text()))
    op.add_column("runs", sa.Column("parent_output", sa.Integer()))
    op.add_column("runs", sa.Column("visibility", sa.Text(), nullable=False, server_default="public"))
    op.add_column("runs", sa.Column("seed", sa.BigInteger()))
    op.add_column("runs", sa.Column("delete_requested_at", sa.BigInteger()))
    op.add_column("runs", sa.Column("deleted_at", sa.BigInteger()))
    where = sa.text("delete_requested_at IS NOT NULL AND deleted_at IS NULL")
    op.create_index("runs_being_deleted", "runs", ["delete_requested_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "run_outputs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("attachment_id", sa.BigInteger(), nullable=False),
        sa.Column("remove_requested_at", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number"),
    )
    where = sa.text("remove_requested_at IS NOT NULL AND removed_at IS NULL")
    op.create_index(
        "run_outputs_being_removed", "run_outputs", ["remove_requested_at"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "result_reactions",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "user_id", "emoji"),
    )
    op.create_index("result_reactions_by_time", "result_reactions", ["at"])
    op.create_index("result_reactions_by_user", "result_reactions", ["user_id"])
