"""Store who cancelled a run as a user id, and drop what nothing reads.

Rows written before this step keep the display name in ``cancel_requested_by``; later rows have the id. Dropped are the
table of end counts, the options of added commands and the time a schema was fetched. ``notes`` becomes ``key_value``.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OLD_CANCEL_CHECK = "cancel_has_time_and_person"
_CANCELED_BY_SOMEONE = "canceled_by_id IS NOT NULL"


def upgrade() -> None:
    """Apply the step; SQLite copies the changed tables."""
    # SQLAlchemy below 2.1 does not reflect checks, and a copied table would lose them.
    current = sa.Table("runs", sa.MetaData(), *_checks(), autoload_with=op.get_bind())
    with op.batch_alter_table("runs", copy_from=current) as runs:
        runs.add_column(sa.Column("canceled_by_id", sa.BigInteger()))
        runs.drop_constraint(_OLD_CANCEL_CHECK, type_="check")
        runs.create_check_constraint(
            "canceled_by_only_when_requested",
            "cancel_requested_at IS NOT NULL OR (cancel_requested_by IS NULL AND canceled_by_id IS NULL)",
        )
    where = sa.text(_CANCELED_BY_SOMEONE)
    op.create_index("runs_by_canceler", "runs", ["canceled_by_id"], sqlite_where=where, postgresql_where=where)
    with op.batch_alter_table("commands") as commands:
        commands.drop_column("options")
    with op.batch_alter_table("schemas") as schemas:
        schemas.drop_column("fetched_at")
    op.drop_table("ends")
    op.rename_table("notes", "key_value")


def _checks() -> tuple[sa.CheckConstraint, ...]:
    """Return the checks of ``runs`` before this step."""
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
        sa.CheckConstraint("(cancel_requested_at IS NULL) = (cancel_requested_by IS NULL)", name=_OLD_CANCEL_CHECK),
        sa.CheckConstraint("forgotten_at IS NULL OR delivered_at IS NOT NULL", name="forgotten_only_when_delivered"),
    )
