"""Store which follow-up message of a run is being sent.

Nothing was stored before a message was sent until this step, so every undelivered run may have one whose id is
unknown.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with a row for every run in progress."""
    op.create_table(
        "run_sends",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
    )
    op.execute("INSERT INTO run_sends SELECT id, 1 FROM runs WHERE delivered_at IS NULL AND sent_at IS NOT NULL")
