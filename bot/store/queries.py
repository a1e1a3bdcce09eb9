"""Questions about runs, each answered from an index."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, or_, select, tuple_

from bot.store.mapping import RUNS
from bot.store.models import RunState
from bot.store.tables import Time, ends, run_messages, runs

_AUTHOR: Final = runs.c.author_id == bindparam("author_id")

BY_ID: Final = RUNS.where(runs.c.id == bindparam("run_id"))
BY_PREDICTION: Final = RUNS.where(runs.c.prediction_id == bindparam("prediction_id"))
BY_MESSAGE: Final = (
    RUNS.where(
        or_(
            runs.c.message_id == bindparam("message_id"),
            runs.c.id.in_(select(run_messages.c.run_id).where(run_messages.c.message_id == bindparam("message_id"))),
        )
    )
    .order_by(runs.c.created_at.desc())
    .limit(1)
)
UNDELIVERED: Final = RUNS.where(runs.c.delivered_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
ACTIVE: Final = RUNS.where(_AUTHOR, runs.c.ended_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
RECENT: Final = RUNS.where(_AUTHOR).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(bindparam("at_most"))
OLDER: Final = RECENT.where(
    tuple_(runs.c.created_at, runs.c.id) < tuple_(bindparam("before_at", type_=Time), bindparam("before_id"))
)

_OWNERS: Final = select(runs.c.prediction_id, runs.c.id).where(
    runs.c.prediction_id.in_(bindparam("prediction_ids", expanding=True))
)
_GOING: Final = select(runs.c.state, func.count()).where(runs.c.ended_at.is_(None)).group_by(runs.c.state)
_ENDS: Final = select(ends.c.state, ends.c.runs)


def runs_by_prediction(connection: Connection, prediction_ids: Sequence[str]) -> Mapping[str, str]:
    """Return which run has which of these predictions."""
    return _pairs(connection.execute(_OWNERS, {"prediction_ids": list(prediction_ids)}).all())


def going(connection: Connection) -> Mapping[RunState, int]:
    """Count the runs that have not ended, by state; every such state is named."""
    found = _pairs(connection.execute(_GOING).all())
    return {state: found.get(state, 0) for state in RunState if not state.terminal}


def ended(connection: Connection) -> Mapping[RunState, int]:
    """Return how many runs ever ended, by how; every such state is named."""
    found = _pairs(connection.execute(_ENDS).all())
    return {state: found.get(state, 0) for state in RunState if state.terminal}


def _pairs(rows: Sequence[Any]) -> dict[Any, Any]:
    return {key: value for key, value in rows}  # noqa: C416 (a Row is no tuple to the type checker)
