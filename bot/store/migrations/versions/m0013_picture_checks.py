"""Store which command looks at a run's pictures before they are shown, and each check."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("runs", sa.Column("checker", sa.Text()))
    op.create_table(
        "picture_checks",
        sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("prediction_id", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", "name"),
    )
