"""Store the chains that people saved, which step every running chain is at, and of which chain a run is a step."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_FOR_EVERYBODY = "for_everybody"


def upgrade() -> None:
    """Add the tables and the column."""
    op.add_column("runs", sa.Column("chain", sa.Text()))
    op.create_table(
        "chain_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("cancel_requested_at", sa.BigInteger()),
        sa.Column("canceled_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("chain_runs_by_author", "chain_runs", ["author_id"])
    op.create_table(
        "saved_chains",
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("for_everybody", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("author_id", "name"),
    )
    where = sa.text(_FOR_EVERYBODY)
    op.create_index(
        "saved_chains_for_everybody",
        "saved_chains",
        ["name"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
