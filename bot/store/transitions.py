"""Moves: each changes a run's row if it still is as the mover believes, and says whether it did.

A move is one UPDATE whose WHERE names the states it may leave; the count of changed rows is the answer. So of any
number of movers, in any number of processes, one wins.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Integer, Update, bindparam, delete, exists, insert, select, update

from bot.media.types import Media
from bot.store.mapping import file_rows, to_row
from bot.store.models import Run, RunState
from bot.store.quota import DAY, refusal
from bot.store.tables import ends, erased_runs, run_files, run_messages, run_sends, runs

_THIS: Final = runs.c.id == bindparam("run_id")
_GOING: Final = runs.c.ended_at.is_(None)
_UNSUBMITTED: Final = runs.c.state == RunState.RESERVED.value

# What is set, beyond the constants here, are the columns that the move is called with.
SENT: Final = update(runs).where(_THIS, _UNSUBMITTED, runs.c.sent_at.is_(None), runs.c.cancel_requested_at.is_(None))
UNSENT: Final = update(runs).where(_THIS, _UNSUBMITTED, runs.c.sent_at.is_not(None))
_taken = runs.alias()
SUBMITTED: Final = (
    update(runs)
    .where(
        _THIS,
        _UNSUBMITTED,
        runs.c.sent_at.is_not(None),
        ~exists().where(_taken.c.prediction_id == bindparam("prediction")),
    )
    .values(prediction_id=bindparam("prediction"), state=RunState.SUBMITTED.value)
)
RUNNING: Final = (
    update(runs).where(_THIS, runs.c.state == RunState.SUBMITTED.value).values(state=RunState.RUNNING.value)
)
ENDED: Final = update(runs).where(_THIS, _GOING)
CANCEL: Final = update(runs).where(_THIS, _GOING, runs.c.cancel_requested_at.is_(None))
DELIVERED: Final = (
    update(runs)
    .where(_THIS, runs.c.ended_at.is_not(None), runs.c.delivered_at.is_(None))
    .values(token=None)
    .returning(runs.c.erase_asked_at)
)

_COUNT_END: Final = update(ends).where(ends.c.state == bindparam("end")).values(runs=ends.c.runs + 1)
_FIRST_END: Final = insert(ends).values(runs=1)

# What an erased run leaves behind counts for a day; a run that was never sent leaves nothing.
TOMBSTONES: Final = insert(erased_runs).from_select(
    ["author_id", "created_at"],
    select(runs.c.author_id, runs.c.created_at).where(
        runs.c.id.in_(bindparam("run_ids", expanding=True)),
        runs.c.sent_at.is_not(None),
        runs.c.created_at > bindparam("since"),
    ),
)
DELETE: Final = delete(runs).where(runs.c.id.in_(bindparam("run_ids", expanding=True)))

_KNOWN_MESSAGE: Final = update(run_messages).where(
    run_messages.c.run_id == bindparam("of_run"), run_messages.c.number == bindparam("at_number")
)
# From a SELECT, so that a run that was erased meanwhile is no error.
_NEW_MESSAGE: Final = insert(run_messages).from_select(
    ["run_id", "number", "message_id"],
    select(runs.c.id, bindparam("at_number", type_=Integer), bindparam("new_message", type_=BigInteger)).where(_THIS),
)

_SENT_MESSAGE: Final = delete(run_sends).where(run_sends.c.run_id == bindparam("of_run"))
_SENDING: Final = insert(run_sends).from_select(
    ["run_id", "number"], select(runs.c.id, bindparam("at_number", type_=Integer)).where(_THIS)
)


def reserve(
    connection: Connection, run: Run, files: Sequence[Media], *, active_limit: int | None, daily_limit: int | None
) -> str | None:
    """Add the run and its files, or return the sentence that refuses it."""
    refused = refusal(connection, run, active_limit=active_limit, daily_limit=daily_limit)
    if refused is None:
        connection.execute(insert(runs), to_row(run))
        if files:
            connection.execute(insert(run_files), file_rows(run.id, files))
    return refused


def move(connection: Connection, statement: Update, run_id: str, values: Mapping[str, Any]) -> bool:
    """Make a move and return whether this caller made it."""
    return connection.execute(statement, {"run_id": run_id, **values}).rowcount == 1


def end_run(connection: Connection, run_id: str, values: Mapping[str, Any]) -> bool:
    """End the run and count the end; False when it had ended already."""
    if not move(connection, ENDED, run_id, values):
        return False
    state = str(values["state"])
    if connection.execute(_COUNT_END, {"end": state}).rowcount == 0:
        connection.execute(_FIRST_END, {"state": state})
    return True


def deliver(connection: Connection, run_id: str, at: datetime) -> bool:
    """Mark an ended run as delivered; one whose author asked to be forgotten goes altogether."""
    row = connection.execute(DELIVERED, {"run_id": run_id, "delivered_at": at}).first()
    if row is None:
        return False
    if row.erase_asked_at is not None:
        delete_runs(connection, [run_id], now=at)
    return True


def delete_runs(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> int:
    """Delete runs with all that hangs on them, leaving what their author's day must remember; return how many."""
    connection.execute(TOMBSTONES, {"run_ids": list(run_ids), "since": now - DAY})
    return connection.execute(DELETE, {"run_ids": list(run_ids)}).rowcount


def note_sending(connection: Connection, run_id: str, number: int) -> None:
    """Write down that a further message of the run is about to be sent; a run that is no more is left alone."""
    connection.execute(_SENT_MESSAGE, {"of_run": run_id})
    connection.execute(_SENDING, {"run_id": run_id, "at_number": number})


def note_message(connection: Connection, run_id: str, number: int, message_id: int) -> None:
    """Write down one of the run's further messages; a run that is no more is left alone."""
    known = {"of_run": run_id, "at_number": number, "message_id": message_id}
    if connection.execute(_KNOWN_MESSAGE, known).rowcount == 0:
        connection.execute(_NEW_MESSAGE, {"run_id": run_id, "at_number": number, "new_message": message_id})
    connection.execute(_SENT_MESSAGE, {"of_run": run_id})
