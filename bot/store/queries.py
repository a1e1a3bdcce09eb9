"""SELECTs on runs, each answered from an index."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select, tuple_

from bot.store.mapping import SELECT_RUNS
from bot.store.tables import Time, run_messages, runs

_BY_AUTHOR: Final = runs.c.author_id == bindparam("author_id")

BY_ID: Final = SELECT_RUNS.where(runs.c.id == bindparam("run_id"))
BY_MESSAGE: Final = (
    SELECT_RUNS.where(
        or_(
            runs.c.message_id == bindparam("message_id"),
            runs.c.id.in_(select(run_messages.c.run_id).where(run_messages.c.message_id == bindparam("message_id"))),
        )
    )
    .order_by(runs.c.created_at.desc())
    .limit(1)
)
UNDELIVERED: Final = SELECT_RUNS.where(runs.c.delivered_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
ACTIVE: Final = SELECT_RUNS.where(_BY_AUTHOR, runs.c.ended_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
RECENT: Final = (
    SELECT_RUNS.where(_BY_AUTHOR).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(bindparam("limit"))
)
# The page after RECENT's, or after another of these; times may be equal, so the id decides.
OLDER: Final = RECENT.where(
    tuple_(runs.c.created_at, runs.c.id) < tuple_(bindparam("before_time", type_=Time), bindparam("before_id"))
)

_RUN_IDS: Final = select(runs.c.prediction_id, runs.c.id).where(
    runs.c.prediction_id.in_(bindparam("prediction_ids", expanding=True))
)


def select_run_ids(connection: Connection, prediction_ids: Sequence[str]) -> Mapping[str, str]:
    """Return prediction id → run id for those predictions that belong to a run."""
    rows = connection.execute(_RUN_IDS, {"prediction_ids": list(prediction_ids)})
    return {row.prediction_id: row.id for row in rows}
