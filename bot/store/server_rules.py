"""The rules of servers, every change of them, and who is blocked there.

A change reads the rules, alters one section and writes them with its audit row, in one transaction that holds the
server's row: of two people who edit at once the last wins, and both are in the audit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, literal, or_, select, update

from bot.limits import BLOCKS_PER_SERVER, RULE_CHANGES_KEPT
from bot.rules.decide import Block
from bot.rules.server_rules import Section, ServerRules
from bot.rules.stored import rules_from_json, rules_to_json
from bot.store.database import Database
from bot.store.tables import (
    Time,
    insert_into,
    result_threads,
    server_blocks,
    server_changes,
    server_rules,
)

_THIS_SERVER: Final = server_rules.c.guild_id == bindparam("server")
_SELECT_RULES: Final = select(server_rules.c.rules).where(_THIS_SERVER)
_SELECT_ALL_RULES: Final = select(server_rules.c.guild_id, server_rules.c.rules).order_by(server_rules.c.guild_id)
_LOCK_RULES: Final = _SELECT_RULES.with_for_update()
_UPDATE_RULES: Final = update(server_rules).where(_THIS_SERVER)

_CHANGES: Final = server_changes.c.guild_id == bindparam("server")
_LAST_NUMBER: Final = select(func.coalesce(func.max(server_changes.c.number), 0)).where(_CHANGES)
_SELECT_CHANGES: Final = (
    select(server_changes).where(_CHANGES).order_by(server_changes.c.number.desc()).limit(bindparam("most"))
)
_DELETE_OLD_CHANGES: Final = delete(server_changes).where(_CHANGES, server_changes.c.number <= bindparam("last"))

_IN_FORCE: Final = or_(server_blocks.c.expires_at.is_(None), server_blocks.c.expires_at > bindparam("now", type_=Time))
_BLOCKS: Final = server_blocks.c.guild_id == bindparam("server")
_THIS_BLOCK: Final = _BLOCKS & (server_blocks.c.user_id == bindparam("person"))
_SELECT_BLOCK: Final = select(server_blocks).where(_THIS_BLOCK, _IN_FORCE)
# In one statement, because people wait for each round trip; of one row, whatever there is.
_SELECT_SITUATION: Final = select(
    server_rules.c.rules, server_blocks.c.user_id, server_blocks.c.expires_at, server_blocks.c.reason
).select_from(
    select(literal(1))
    .subquery()
    .outerjoin(server_rules, _THIS_SERVER)
    .outerjoin(server_blocks, _THIS_BLOCK & _IN_FORCE)
)
_SELECT_BLOCKS: Final = (
    select(server_blocks).where(_BLOCKS, _IN_FORCE).order_by(server_blocks.c.created_at.desc()).limit(bindparam("most"))
)
_COUNT_BLOCKS: Final = select(func.count()).select_from(server_blocks).where(_BLOCKS, _IN_FORCE)
_DELETE_BLOCK: Final = delete(server_blocks).where(_THIS_BLOCK)
_OLDEST_BLOCK: Final = select(server_blocks.c.user_id).where(_BLOCKS).order_by(server_blocks.c.created_at).limit(1)

_THREAD: Final = (result_threads.c.channel_id == bindparam("channel")) & (
    result_threads.c.user_id == bindparam("person")
)
_SELECT_THREAD: Final = select(result_threads.c.thread_id).where(_THREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """Somebody is blocked in a server. ``by_id`` is None once who did so has had their data erased."""

    user_id: int
    by_id: int | None
    reason: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChange:
    """Who changed what of a server's rules, the changed values before and after.

    ``subject_id`` is the person that a block is about. ``by_id`` and ``subject_id`` are None once they are erased.
    """

    guild_id: int
    number: int
    section: str
    by_id: int | None
    subject_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    changed_at: datetime


class Servers:
    """The rules, changes and blocks of servers. Every method is one transaction; StoreError if it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_rules(self, guild_id: int) -> ServerRules:
        """Return the rules of a server, those of a server without rules if it has set none."""
        return await self._database.read(
            lambda connection: rules_from_json(
                connection.execute(_SELECT_RULES, {"server": guild_id}).scalar_one_or_none()
            )
        )

    async def list_rules(self) -> Mapping[int, ServerRules]:
        """Return the rules of every server that has set some, by the server's id."""

        def read(connection: Connection) -> Mapping[int, ServerRules]:
            rows = connection.execute(_SELECT_ALL_RULES)
            return {row.guild_id: rules_from_json(row.rules) for row in rows}

        return await self._database.read(read)

    async def get_situation(self, guild_id: int, user_id: int, *, now: datetime) -> tuple[ServerRules, Block | None]:
        """Return a server's rules and the block that a person is under there."""

        def read(connection: Connection) -> tuple[ServerRules, Block | None]:
            row = connection.execute(_SELECT_SITUATION, _block_values(guild_id, user_id, now)).one()
            block = None if row.user_id is None else Block(until=row.expires_at, reason=row.reason)
            return rules_from_json(row.rules), block

        return await self._database.read(read)

    async def change_rules(
        self, guild_id: int, section: Section, change: Callable[[ServerRules], ServerRules], *, by: int, at: datetime
    ) -> ServerRules:
        """Apply ``change`` to the rules as they are now, with an audit row if it changes anything; return the rules."""
        return await self._database.write(
            lambda connection: _change_rules(connection, guild_id, section, change, by=by, at=at)
        )

    async def list_changes(self, guild_id: int, *, most: int) -> tuple[ServerChange, ...]:
        """Return the newest changes of a server's rules, the newest first."""
        return await self._database.read(
            lambda connection: tuple(
                _row_to_change(row) for row in connection.execute(_SELECT_CHANGES, {"server": guild_id, "most": most})
            )
        )

    async def block(
        self, guild_id: int, user_id: int, *, reason: str, until: datetime | None, by: int, at: datetime
    ) -> None:
        """Block a person in a server, in place of a block that they are under already."""
        values = {"by_id": by, "reason": reason, "created_at": at, "expires_at": until}
        await self._database.write(lambda connection: block_person(connection, guild_id, user_id, values))

    async def lift(self, guild_id: int, user_id: int, *, by: int, at: datetime) -> bool:
        """Lift a block; False if there is none."""
        return await self._database.write(lambda connection: _lift(connection, guild_id, user_id, by=by, at=at))

    async def list_blocks(self, guild_id: int, *, now: datetime, most: int) -> tuple[BlockRow, ...]:
        """Return the blocks that are in force, the newest first."""
        return await self._database.read(
            lambda connection: tuple(
                _row_to_block(row)
                for row in connection.execute(_SELECT_BLOCKS, {"server": guild_id, "now": now, "most": most})
            )
        )

    async def count_blocks(self, guild_id: int, *, now: datetime) -> int:
        """Return how many blocks are in force."""
        return await self._database.read(
            lambda connection: connection.execute(_COUNT_BLOCKS, {"server": guild_id, "now": now}).scalar_one()
        )

    async def get_thread(self, channel_id: int, user_id: int) -> int | None:
        """Return the thread that shows a person's results in a channel."""
        return await self._database.read(
            lambda connection: connection.execute(
                _SELECT_THREAD, {"channel": channel_id, "person": user_id}
            ).scalar_one_or_none()
        )

    async def save_thread(self, channel_id: int, user_id: int, thread_id: int) -> None:
        """Store the thread that shows a person's results in a channel."""
        key = {"channel_id": channel_id, "user_id": user_id}

        def save(connection: Connection) -> None:
            statement = insert_into(connection, result_threads).values(**key, thread_id=thread_id)
            connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_={"thread_id": thread_id}))

        await self._database.write(save)


def block_person(connection: Connection, guild_id: int, user_id: int, values: Mapping[str, Any]) -> None:
    """Insert or replace a block and write its audit row; the oldest block goes where there are too many."""
    _hold_server(connection, guild_id, values["created_at"])
    key = {"guild_id": guild_id, "user_id": user_id}
    old = connection.execute(_SELECT_BLOCK, _block_values(guild_id, user_id, values["created_at"])).one_or_none()
    statement = insert_into(connection, server_blocks).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
    bounds = {"server": guild_id, "now": values["created_at"]}
    if connection.execute(_COUNT_BLOCKS, bounds).scalar_one() > BLOCKS_PER_SERVER:
        oldest = connection.execute(_OLDEST_BLOCK, bounds).scalar_one()
        connection.execute(_DELETE_BLOCK, {"server": guild_id, "person": oldest})
    _add_change(
        connection,
        guild_id,
        Section.PEOPLE,
        before=_describe_block(old),
        after={"reason": values["reason"], "until": _to_text(values["expires_at"])},
        by=values["by_id"],
        subject=user_id,
        at=values["created_at"],
    )


def _hold_server(connection: Connection, guild_id: int, at: datetime) -> ServerRules:
    """Hold the server's row until the transaction ends, and return its rules."""
    row = insert_into(connection, server_rules).values(guild_id=guild_id, rules={}, changed_at=at)
    connection.execute(row.on_conflict_do_nothing(index_elements=["guild_id"]))
    return rules_from_json(connection.execute(_LOCK_RULES, {"server": guild_id}).scalar_one())


def _change_rules(
    connection: Connection,
    guild_id: int,
    section: Section,
    change: Callable[[ServerRules], ServerRules],
    *,
    by: int,
    at: datetime,
) -> ServerRules:
    old = _hold_server(connection, guild_id, at)
    new = change(old)
    before, after = rules_to_json(old), rules_to_json(new)
    if before == after:
        return new
    connection.execute(_UPDATE_RULES, {"server": guild_id, "rules": after, "changed_at": at})
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    _add_change(
        connection,
        guild_id,
        section,
        before={name: before.get(name) for name in names},
        after={name: after.get(name) for name in names},
        by=by,
        subject=None,
        at=at,
    )
    return new


def _add_change(
    connection: Connection,
    guild_id: int,
    section: Section,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    by: int | None,
    subject: int | None,
    at: datetime,
) -> None:
    number = connection.execute(_LAST_NUMBER, {"server": guild_id}).scalar_one() + 1
    row = {"guild_id": guild_id, "number": number, "section": section.value, "by_id": by, "subject_id": subject}
    connection.execute(insert(server_changes), {**row, "before": before, "after": after, "changed_at": at})
    connection.execute(_DELETE_OLD_CHANGES, {"server": guild_id, "last": number - RULE_CHANGES_KEPT})


def _lift(connection: Connection, guild_id: int, user_id: int, *, by: int, at: datetime) -> bool:
    _hold_server(connection, guild_id, at)
    old = connection.execute(_SELECT_BLOCK, _block_values(guild_id, user_id, at)).one_or_none()
    if old is None:
        return False
    connection.execute(_DELETE_BLOCK, {"server": guild_id, "person": user_id})
    _add_change(
        connection, guild_id, Section.PEOPLE, before=_describe_block(old), after={}, by=by, subject=user_id, at=at
    )
    return True


def _block_values(guild_id: int, user_id: int, now: datetime) -> dict[str, Any]:
    return {"server": guild_id, "person": user_id, "now": now}


def _describe_block(row: Row[Any] | None) -> dict[str, Any]:
    return {} if row is None else {"reason": row.reason, "until": _to_text(row.expires_at)}


def _to_text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _row_to_block(row: Row[Any]) -> BlockRow:
    return BlockRow(
        user_id=row.user_id,
        by_id=row.by_id,
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _row_to_change(row: Row[Any]) -> ServerChange:
    return ServerChange(
        guild_id=row.guild_id,
        number=row.number,
        section=row.section,
        by_id=row.by_id,
        subject_id=row.subject_id,
        before=row.before,
        after=row.after,
        changed_at=row.changed_at,
    )
