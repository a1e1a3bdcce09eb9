"""Results: change who sees a delivered result, take files out of it, delete it, and count reactions once.

A deletion or removal is requested first, then done in Discord, then recorded as done: whatever comes between, a later
start finds what is left to do. Each step is one compare-and-set in one transaction.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, exists, or_, select, update

from bot.clock import Clock
from bot.store import gallery, library, queries
from bot.store.database import Database
from bot.store.models import Run
from bot.store.queries import SELECT_RUNS, chain_from_json
from bot.store.tables import Time, insert_into, result_reactions, run_files, run_outputs, runs
from bot.visibility import Visibility

_THIS_RUN: Final = runs.c.id == bindparam("run_id")
_IS_THERE: Final = runs.c.delivered_at.is_not(None) & runs.c.deleted_at.is_(None)
_THIS_OUTPUT: Final = (run_outputs.c.run_id == bindparam("of_run")) & (run_outputs.c.number == bindparam("at_number"))

_REQUEST_DELETION: Final = update(runs).where(_THIS_RUN, _IS_THERE, runs.c.delete_requested_at.is_(None))
_DELETED: Final = (
    update(runs)
    .where(_THIS_RUN, runs.c.deleted_at.is_(None), runs.c.delete_requested_at.is_not(None))
    .values(output=None)
)
_SELECT_CHAIN: Final = select(runs.c.chain).where(_THIS_RUN)
_STEPS_DELETED: Final = (
    update(runs)
    .where(runs.c.id.in_(bindparam("run_ids", expanding=True)), runs.c.deleted_at.is_(None))
    .values(output=None)
)
_DELETE_INPUTS: Final = delete(run_files).where(run_files.c.run_id.in_(bindparam("run_ids", expanding=True)))
_ALL_REMOVED: Final = update(run_outputs).where(
    run_outputs.c.run_id == bindparam("of_run"), run_outputs.c.removed_at.is_(None)
)
_REQUEST_REMOVAL: Final = update(run_outputs).where(
    _THIS_OUTPUT, run_outputs.c.removed_at.is_(None), run_outputs.c.remove_requested_at.is_(None)
)
_REMOVED: Final = update(run_outputs).where(
    _THIS_OUTPUT, run_outputs.c.removed_at.is_(None), run_outputs.c.remove_requested_at.is_not(None)
)
_SET_VISIBILITY: Final = update(runs).where(_THIS_RUN, _IS_THERE, runs.c.visibility == bindparam("before"))

_BEING_CHANGED: Final = SELECT_RUNS.where(
    or_(
        (runs.c.delete_requested_at >= bindparam("since", type_=Time)) & runs.c.deleted_at.is_(None),
        runs.c.id.in_(
            select(run_outputs.c.run_id).where(
                run_outputs.c.remove_requested_at >= bindparam("since", type_=Time), run_outputs.c.removed_at.is_(None)
            )
        ),
    )
).order_by(runs.c.created_at, runs.c.id)
_later_steps = runs.alias()
# The steps of a chain share a message, which is the last one's.
_IS_LAST_STEP: Final = or_(
    runs.c.chain.is_(None),
    ~exists().where(_later_steps.c.message_id == runs.c.message_id, _later_steps.c.created_at > runs.c.created_at),
)
_RECENT: Final = (
    SELECT_RUNS.where(
        runs.c.delivered_at >= bindparam("since", type_=Time),
        runs.c.deleted_at.is_(None),
        runs.c.token_only.is_(False),
        _IS_LAST_STEP,
    )
    .order_by(runs.c.delivered_at.desc())
    .limit(bindparam("limit"))
)
_FORGET_REACTION: Final = delete(result_reactions).where(
    result_reactions.c.run_id == bindparam("run_id"),
    result_reactions.c.user_id == bindparam("user_id"),
    result_reactions.c.emoji == bindparam("emoji"),
)
_REACTION: Final = select(
    runs.c.id,
    bindparam("by_user", type_=result_reactions.c.user_id.type),
    bindparam("with_emoji", type_=result_reactions.c.emoji.type),
    bindparam("reacted_at", type_=Time),
).where(_THIS_RUN, _IS_THERE)


class Results:
    """The delivered results in the database. A method that changes one returns whether this caller changed it."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def request_deletion(self, run_id: str) -> bool:
        """Store that the result is about to be deleted; False if it was requested before, or is deleted."""
        return await self._update(_REQUEST_DELETION, run_id=run_id, delete_requested_at=self._clock.now())

    async def mark_deleted(self, run_id: str) -> bool:
        """Store that the result is gone from Discord, and delete what is stored of it."""
        now = self._clock.now()
        return await self._database.write(lambda connection: delete_result(connection, run_id, at=now))

    async def request_removal(self, run_id: str, number: int) -> bool:
        """Store that an output is about to be removed; False if it was requested before, or is removed."""
        return await self._update(
            _REQUEST_REMOVAL, of_run=run_id, at_number=number, remove_requested_at=self._clock.now()
        )

    async def mark_removed(self, run_id: str, number: int) -> bool:
        """Store that an output is gone from its message."""
        now = self._clock.now()
        return await self._database.write(lambda connection: remove_output(connection, run_id, number, at=now))

    async def set_visibility(self, run_id: str, visibility: Visibility, *, before: Visibility) -> bool:
        """Store who sees the result; False if it is not there, or was not as ``before``."""
        now = self._clock.now()
        return await self._database.write(
            lambda connection: set_visibility(connection, run_id, visibility, before=before, at=now)
        )

    async def list_being_changed(self, *, since: datetime) -> tuple[Run, ...]:
        """Return the runs whose result is being deleted, or loses an output, as requested since a time."""
        return await self._read(_BEING_CHANGED, since=since)

    async def list_recent(self, *, since: datetime, limit: int) -> tuple[Run, ...]:
        """Return the newest results that were delivered since a time and that the bot itself reaches."""
        return await self._read(_RECENT, since=since, limit=limit)

    async def note_reaction(self, run_id: str, user_id: int, emoji: str) -> bool:
        """Store that a reaction under a result is acted upon; False if it was before, or there is no result."""
        now = self._clock.now()

        def write(connection: Connection) -> bool:
            statement = (
                insert_into(connection, result_reactions)
                .from_select(["run_id", "user_id", "emoji", "at"], _REACTION)
                .on_conflict_do_nothing()
                .returning(result_reactions.c.run_id)
            )
            values = {"run_id": run_id, "by_user": user_id, "with_emoji": emoji, "reacted_at": now}
            return connection.execute(statement, values).first() is not None

        return await self._database.write(write)

    async def forget_reaction(self, run_id: str, user_id: int, emoji: str) -> None:
        """Store that a person took a reaction away: the next one counts again."""
        values = {"run_id": run_id, "user_id": user_id, "emoji": emoji}
        await self._database.write(lambda connection: connection.execute(_FORGET_REACTION, values).close())

    async def _update(self, statement: Any, **values: Any) -> bool:
        return await self._database.write(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def _read(self, query: Select[Any], **values: Any) -> tuple[Run, ...]:
        return await self._database.read(lambda connection: queries.read_runs(connection, query, values))


def delete_result(connection: Connection, run_id: str, *, at: datetime) -> bool:
    """Mark a result as deleted, with all its outputs, and delete every stored copy of them; False if it was before."""
    if connection.execute(_DELETED, {"run_id": run_id, "deleted_at": at}).rowcount != 1:
        return False
    chain = chain_from_json(connection.execute(_SELECT_CHAIN, {"run_id": run_id}).scalar())
    run_ids = [*(step.run_id for step in chain.earlier), run_id] if chain is not None else [run_id]
    if len(run_ids) > 1:  # the steps of a chain are one result, and the input of each is the picture before it
        connection.execute(_STEPS_DELETED, {"run_ids": run_ids[:-1], "delete_requested_at": at, "deleted_at": at})
        connection.execute(_DELETE_INPUTS, {"run_ids": run_ids[1:]})
    for one in run_ids:
        connection.execute(_ALL_REMOVED, {"of_run": one, "removed_at": at})
    library.delete_entries(connection, run_ids, now=at)
    return True


def remove_output(connection: Connection, run_id: str, number: int, *, at: datetime) -> bool:
    """Mark an output as removed, and drop the copies that show it; False if it was before."""
    values = {"of_run": run_id, "at_number": number, "removed_at": at}
    if connection.execute(_REMOVED, values).rowcount != 1:
        return False
    library.remove_output(connection, run_id, now=at)
    return True


def set_visibility(
    connection: Connection, run_id: str, visibility: Visibility, *, before: Visibility, at: datetime
) -> bool:
    """Store who sees a result, whose copies have to be made anew; False if it is not there, or was not as before."""
    values = {"run_id": run_id, "before": before.value, "visibility": visibility.value}
    if connection.execute(_SET_VISIBILITY, values).rowcount != 1:
        return False
    gallery.remove_posts(connection, [run_id], now=at)
    return True
