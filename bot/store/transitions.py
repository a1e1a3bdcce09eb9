"""Transitions: UPDATEs that change a run only if it is still in the expected state.

Each is one UPDATE whose WHERE names the states it may leave; the number of changed rows says whether this caller made
the transition. Of any number of callers, in any number of processes, one wins.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    Integer,
    Text,
    Update,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from bot.errors import Refused
from bot.language import _
from bot.media.types import CharacterPicture, InputFile, StoredFile
from bot.money.budgets import BudgetExceeded, Spender
from bot.money.cost import RunSample
from bot.store import gallery, library
from bot.store.budgets import PAID_COLUMNS, capture_cost, forget_author, keep_sample, reserve_cost
from bot.store.creations import forget_deleted_uses
from bot.store.errors import AlreadyStarted, LeaseLost, QuotaExceeded
from bot.store.models import Run, RunOutput, RunState
from bot.store.notifications import Message, notify
from bot.store.queries import run_to_row
from bot.store.quota import DAY, RunLimits, check_quota
from bot.store.tables import (
    chain_runs,
    character_pictures,
    erased_runs,
    insert_into,
    leases,
    prediction_ends,
    run_characters,
    run_files,
    run_messages,
    run_outputs,
    run_sends,
    runs,
)

_THIS_RUN: Final = runs.c.id == bindparam("run_id")
_IS_STORED: Final = select(exists().where(_THIS_RUN))
_ACTIVE: Final = runs.c.ended_at.is_(None)
_RESERVED: Final = runs.c.state == RunState.RESERVED.value

# Beyond the constants here, an UPDATE sets the columns that it is executed with.
SENT: Final = update(runs).where(_THIS_RUN, _RESERVED, runs.c.sent_at.is_(None), runs.c.cancel_requested_at.is_(None))
UNSENT: Final = update(runs).where(_THIS_RUN, _RESERVED, runs.c.sent_at.is_not(None))
_other_runs = runs.alias()
SUBMITTED: Final = (
    update(runs)
    .where(
        _THIS_RUN,
        _RESERVED,
        runs.c.sent_at.is_not(None),
        ~exists().where(_other_runs.c.prediction_id == bindparam("prediction")),
    )
    .values(prediction_id=bindparam("prediction"), state=RunState.SUBMITTED.value)
)
RUNNING: Final = (
    update(runs).where(_THIS_RUN, runs.c.state == RunState.SUBMITTED.value).values(state=RunState.RUNNING.value)
)
_ENDED: Final = update(runs).where(_THIS_RUN, _ACTIVE).returning(*PAID_COLUMNS)
# Of a prediction that its service lost unfinished, and that has the same name again.
RESENT: Final = update(runs).where(
    _THIS_RUN, _ACTIVE, runs.c.prediction_id.is_not(None), runs.c.cancel_requested_at.is_(None)
)
CANCEL_REQUESTED: Final = update(runs).where(_THIS_RUN, _ACTIVE, runs.c.cancel_requested_at.is_(None))
_TOKEN_RENEWED: Final = update(runs).where(_THIS_RUN, runs.c.delivered_at.is_(None))
_MOVED: Final = update(runs).where(_THIS_RUN, runs.c.delivered_at.is_(None))
_DELIVERED: Final = (
    update(runs)
    .where(_THIS_RUN, runs.c.ended_at.is_not(None), runs.c.delivered_at.is_(None))
    .values(token=None)
    .returning(runs.c.erase_asked_at, runs.c.characters, *library.ENTRY_COLUMNS)
)

# An erased run still counts towards its author's day, unless it was never sent.
_KEEP_TIMES: Final = insert(erased_runs).from_select(
    ["author_id", "created_at", "guild_id"],
    select(runs.c.author_id, runs.c.created_at, runs.c.guild_id).where(
        runs.c.id.in_(bindparam("run_ids", expanding=True)),
        runs.c.sent_at.is_not(None),
        runs.c.created_at > bindparam("since"),
    ),
)
# Held until the run is inserted, so that nobody adopts the runs of the lease meanwhile.
_LOCK_LEASE: Final = select(leases.c.name).where(leases.c.fence == bindparam("fence")).with_for_update(read=True)
_DELETE: Final = delete(runs).where(runs.c.id.in_(bindparam("run_ids", expanding=True)))

# Selected from the runs, so that a run that was erased in the meantime is no error.
_MESSAGE: Final = select(
    runs.c.id, bindparam("at_number", type_=Integer), bindparam("new_message", type_=BigInteger)
).where(_THIS_RUN)
_SENDING: Final = select(runs.c.id, bindparam("at_number", type_=Integer)).where(_THIS_RUN)
_DELETE_SENDING: Final = delete(run_sends).where(run_sends.c.run_id == bindparam("run_id"))
_DELETE_MESSAGES: Final = delete(run_messages).where(run_messages.c.run_id == bindparam("run_id"))
_DELETE_PREDICTION_END: Final = delete(prediction_ends).where(prediction_ends.c.run_id == bindparam("run_id"))
_COPIED: Final = tuple(column for column in run_files.c if column.name not in {"run_id", "number"})
_COPY_FILE: Final = (
    insert(run_files)
    .from_select(
        ["run_id", "number", *(column.name for column in _COPIED)],
        select(bindparam("run_id", type_=Text), bindparam("number", type_=Integer), *_COPIED).where(
            run_files.c.run_id == bindparam("of_run"), run_files.c.number == bindparam("of_number")
        ),
    )
    .returning(run_files.c.number)
)
_COPY_PICTURE: Final = (
    insert(run_files)
    .from_select(
        ["run_id", "number", *(column.name for column in _COPIED)],
        select(
            bindparam("run_id", type_=Text),
            bindparam("number", type_=Integer),
            *(character_pictures.c[column.name] for column in _COPIED),
        ).where(
            character_pictures.c.character_id == bindparam("of_character"),
            character_pictures.c.number == bindparam("of_number"),
        ),
    )
    .returning(run_files.c.number)
)


@cache
def fence(statement: Update) -> Update:
    """Return the transition for several processes: it changes the run only for its owner (``bot.store.leases``).

    The fence is a column of the run itself, so that an UPDATE that waited for its row is judged by the new owner's.
    """
    return statement.where(runs.c.fence.in_(bindparam("fences", expanding=True)))


def reserve_run(
    connection: Connection,
    run: Run,
    files: Sequence[InputFile],
    limits: RunLimits,
) -> QuotaExceeded | BudgetExceeded | None:
    """Insert the run and its files, and reserve what it will cost; LeaseLost if its lease is another's.

    Return the quota or the budget that it would exceed instead. AlreadyStarted if a run with its id was stored before:
    of two tries to start the same run, one does.
    """
    if run.fence is not None and connection.execute(_LOCK_LEASE, {"fence": run.fence}).first() is None:
        raise LeaseLost
    exceeded = check_quota(connection, run.author_id, limits, at=run.created_at)
    if exceeded is not None:
        _check_not_stored(connection, run.id)
        return exceeded
    spender = Spender(guild_id=run.place.guild_id, author_id=run.author_id, command=run.command, roles=limits.roles)
    reserved = reserve_cost(connection, run, spender, limits.budgets)
    if isinstance(reserved, BudgetExceeded):
        _check_not_stored(connection, run.id)
        return reserved
    insert_run(connection, reserved, files)
    return None


def insert_run(connection: Connection, run: Run, files: Sequence[InputFile]) -> None:
    """Insert the run and its files, whatever the limits of its author are; with the first step of a chain, its row.

    AlreadyStarted if a run with its id was inserted before.
    """
    statement = insert_into(connection, runs).on_conflict_do_nothing(index_elements=["id"])
    if connection.execute(statement, run_to_row(run)).rowcount != 1:
        raise AlreadyStarted
    if run.chain is not None and run.id == run.chain.id:
        chain = {"id": run.id, "author_id": run.author_id, "name": run.chain.name, "number": run.chain.number}
        connection.execute(insert(chain_runs), {**chain, "run_id": run.id, "created_at": run.created_at})
    if run.characters:
        rows = [
            {"run_id": run.id, "character_id": character, "owner_id": owner}
            for character, owner in run.characters.items()
        ]
        connection.execute(insert(run_characters), rows)
    for number, file in enumerate(files):  # one by one: each is in memory while it is inserted
        _insert_file(connection, run.id, number, file)


def is_stored(connection: Connection, run_id: str) -> bool:
    """Return whether there is a run with this id."""
    return bool(connection.execute(_IS_STORED, {"run_id": run_id}).scalar_one())


def _check_not_stored(connection: Connection, run_id: str) -> None:
    """Raise AlreadyStarted if the run is what exceeds its author's limit: it was started before."""
    if is_stored(connection, run_id):
        raise AlreadyStarted


def _insert_file(connection: Connection, run_id: str, number: int, file: InputFile) -> None:
    """Insert a file, or copy it from the run or character that has it; Refused if it was deleted meanwhile."""
    if isinstance(file, CharacterPicture):
        values = {"run_id": run_id, "number": number, "of_character": file.character_id, "of_number": file.number}
        if connection.execute(_COPY_PICTURE, values).first() is None:
            raise Refused(_("@{name} was changed or deleted a moment ago. Try again.").format(name=file.character))
        return
    if isinstance(file, StoredFile):
        values = {"run_id": run_id, "number": number, "of_run": file.run_id, "of_number": file.number}
        if connection.execute(_COPY_FILE, values).first() is None:
            raise Refused(_("This run's files were deleted. Attach them again."))
        return
    row = {"run_id": run_id, "number": number, "name": file.name, "size": file.size, "data": file.read()}
    row |= {"mime": file.type.mime, "suffix": file.type.suffix, "kind": file.type.kind}
    connection.execute(insert(run_files), row)


def end_run(
    connection: Connection,
    run_id: str,
    values: Mapping[str, Any],
    fences: Collection[int] | None,
    *,
    sample: tuple[str, RunSample] | None = None,
) -> bool:
    """End an active run, by the columns in ``values``, and count its cost.

    What its server told of the end is no longer needed. ``sample`` is what it took, for runs like it (their subject).
    """
    row = execute_fenced(connection, _ENDED, {"run_id": run_id, **values}, fences).first()
    if row is None:
        return False
    capture_cost(connection, row, values.get("cost"))
    if sample is not None:
        keep_sample(connection, sample[0], run_id, sample[1], values["ended_at"])
    connection.execute(_DELETE_PREDICTION_END, {"run_id": run_id})
    return True


def request_cancel(connection: Connection, run_id: str, *, by_id: int | None, at: datetime) -> bool:
    """Request the cancel of an active run and tell its process; False if it was requested before, or has ended."""
    values = {"run_id": run_id, "canceled_by_id": by_id, "cancel_requested_at": at}
    is_first = connection.execute(CANCEL_REQUESTED, values).rowcount == 1
    if is_first:
        notify(connection, Message.CANCEL, run_id)
    return is_first


def renew_token(connection: Connection, values: Mapping[str, Any]) -> None:
    """Store a new token of an undelivered run and tell its process."""
    if connection.execute(_TOKEN_RENEWED, values).rowcount == 1:
        notify(connection, Message.RENEWAL, values["run_id"])


def move_run(connection: Connection, run_id: str, values: Mapping[str, Any], fences: Collection[int] | None) -> bool:
    """Give an undelivered run another message, by the columns of its place; it has no further ones there."""
    if execute_fenced(connection, _MOVED, {"run_id": run_id, **values}, fences).rowcount != 1:
        return False
    connection.execute(_DELETE_MESSAGES, {"run_id": run_id})
    connection.execute(_DELETE_SENDING, {"run_id": run_id})
    return True


def deliver_run(
    connection: Connection,
    run_id: str,
    at: datetime,
    outputs: Sequence[RunOutput],
    fences: Collection[int] | None,
    *,
    shown: bool = True,
) -> bool:
    """Mark an ended run as delivered, with the files that Discord has of it, and add it to its author's library.

    One that is not ``shown``, because its message was deleted before, has no place there. Delete the run if its author
    has asked for their data to be erased.
    """
    row = execute_fenced(connection, _DELIVERED, {"run_id": run_id, "delivered_at": at}, fences).first()
    if row is None:
        return False
    if row.erase_asked_at is not None:
        delete_runs(connection, [run_id], now=at)
        forget_author(connection, row.author_id)
        return True
    if outputs:
        connection.execute(insert(run_outputs), [asdict(output) for output in outputs])
    if shown:
        library.add_entry(connection, row)
    if row.characters:
        forget_deleted_uses(connection, run_id, row.author_id, now=at)
    return True


def delete_runs(connection: Connection, run_ids: Sequence[str], *, now: datetime) -> int:
    """Delete runs, their files and messages, keeping the times that count towards a day; return how many.

    Their copies in galleries are to be deleted in Discord, too.
    """
    gallery.remove_posts(connection, run_ids, now=now)
    connection.execute(_KEEP_TIMES, {"run_ids": list(run_ids), "since": now - DAY})
    return connection.execute(_DELETE, {"run_ids": list(run_ids)}).rowcount


def execute_fenced(
    connection: Connection, statement: Update, values: Mapping[str, Any], fences: Collection[int] | None
) -> CursorResult[Any]:
    """Execute a transition; ``fences`` are those that this process holds, or None if it is the only one."""
    if fences is None:
        return connection.execute(statement, values)
    return connection.execute(fence(statement), {**values, "fences": list(fences)})


def submit_run(connection: Connection, run_id: str, prediction_id: str, fences: Collection[int] | None) -> bool:
    """Give a sent run its prediction; False if it may have none, or another run has this one."""
    values = {"run_id": run_id, "prediction": prediction_id}
    try:
        with connection.begin_nested():  # of two transactions that have not seen each other, the index stops one
            return execute_fenced(connection, SUBMITTED, values, fences).rowcount == 1
    except IntegrityError:
        return False


def upsert_sending(connection: Connection, run_id: str, number: int, fences: Collection[int] | None) -> bool:
    """Store that a follow-up message of the run is about to be sent; False if it was deleted, or is another's."""
    sending = _SENDING if fences is None else _SENDING.where(runs.c.fence.in_(list(fences)))
    statement = (
        insert_into(connection, run_sends)
        .from_select(["run_id", "number"], sending)
        .on_conflict_do_update(index_elements=["run_id"], set_={"number": number})
    )
    return connection.execute(statement, {"run_id": run_id, "at_number": number}).rowcount == 1


def upsert_message(connection: Connection, run_id: str, number: int, message_id: int) -> None:
    """Store the id of a follow-up message of the run; do nothing if the run was deleted."""
    statement = (
        insert_into(connection, run_messages)
        .from_select(["run_id", "number", "message_id"], _MESSAGE)
        .on_conflict_do_update(index_elements=["run_id", "number"], set_={"message_id": message_id})
    )
    connection.execute(statement, {"run_id": run_id, "at_number": number, "new_message": message_id})
    connection.execute(_DELETE_SENDING, {"run_id": run_id})
