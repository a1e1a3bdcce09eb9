"""Store the language that each reply speaks; replies of earlier versions spoke English."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("runs", sa.Column("language", sa.Text(), nullable=False, server_default="en-US"))
