"""Commands added while the bot runs, cached model schemas, and small values by key."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, delete, select

from bot.store.database import Database
from bot.store.notifications import Message, notify
from bot.store.tables import commands, insert_into, key_value, schemas

_SELECT_COMMANDS: Final = select(commands).order_by(commands.c.name)
_DELETE_COMMAND: Final = delete(commands).where(commands.c.name == bindparam("command"))
_SELECT_SCHEMA: Final = select(schemas.c.payload).where(schemas.c.target == bindparam("target"))
_DELETE_OTHER_SCHEMAS: Final = delete(schemas).where(schemas.c.target.not_in(bindparam("targets", expanding=True)))
_SELECT_VALUE: Final = select(key_value.c.value).where(key_value.c.key == bindparam("name"))
_DELETE_VALUE: Final = delete(key_value).where(key_value.c.key == bindparam("name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """A command that somebody added.

    ``target`` is the model with its version pinned ("owner/name:version"). ``added_by`` is a Discord user's id; None
    once that person has had their data erased.
    """

    name: str
    target: str
    description: str | None = None
    added_by: int | None
    added_at: datetime


class Commands:
    """The added commands by name, and the cached schemas by target."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, row: CommandRow) -> None:
        """Add a command, or replace the one with this name."""
        values = {
            "target": row.target,
            "description": row.description,
            "added_by": row.added_by,
            "added_at": row.added_at,
        }
        await self._database.write(lambda connection: _save_command(connection, row.name, values))

    async def list_all(self) -> tuple[CommandRow, ...]:
        """Return every added command, by name."""
        return await self._database.read(
            lambda connection: tuple(_row_to_command(row) for row in connection.execute(_SELECT_COMMANDS))
        )

    async def remove(self, name: str) -> bool:
        """Delete a command; False if there is none with this name."""
        return await self._database.write(lambda connection: _remove_command(connection, name))

    async def cache_schema(self, target: str, payload: Any) -> None:
        """Store Replicate's response for a model, so that the bot can start while Replicate is down."""
        await self._database.write(
            lambda connection: _upsert(connection, schemas, {"target": target}, {"payload": payload})
        )

    async def keep_schemas(self, targets: Collection[str]) -> None:
        """Delete the cached responses for all other targets."""
        await self._database.write(
            lambda connection: connection.execute(_DELETE_OTHER_SCHEMAS, {"targets": list(targets)}).rowcount
        )

    async def get_schema(self, target: str) -> Any:
        """Return Replicate's last response for a model, or None."""
        return await self._database.read(
            lambda connection: connection.execute(_SELECT_SCHEMA, {"target": target}).scalar()
        )


class KeyValue:
    """Small JSON values that outlive a restart, such as the hash of the commands registered with Discord."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> Any:
        """Return the value stored last, or None."""
        return await self._database.read(lambda connection: connection.execute(_SELECT_VALUE, {"name": key}).scalar())

    async def get_or_put(self, key: str, value: Any) -> Any:
        """Store ``value`` unless there is one; return the stored one, the same in every process."""
        await self._database.write(
            lambda connection: (
                connection.execute(
                    insert_into(connection, key_value)
                    .values(key=key, value=value)
                    .on_conflict_do_nothing(index_elements=["key"])
                ).rowcount
            )
        )
        return await self.get(key)

    async def put(self, key: str, value: Any) -> None:
        """Store ``value``; None deletes the key."""
        if value is None:
            await self._database.write(lambda connection: connection.execute(_DELETE_VALUE, {"name": key}).rowcount)
        else:
            await self._database.write(
                lambda connection: _upsert(connection, key_value, {"key": key}, {"value": value})
            )


def _save_command(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    _upsert(connection, commands, {"name": name}, values)
    notify(connection, Message.COMMANDS)


def _remove_command(connection: Connection, name: str) -> bool:
    if connection.execute(_DELETE_COMMAND, {"command": name}).rowcount != 1:
        return False
    notify(connection, Message.COMMANDS)
    return True


def _upsert(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert the row, or update the one with this key."""
    statement = insert_into(connection, table).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def _row_to_command(row: Row[Any]) -> CommandRow:
    return CommandRow(
        name=row.name,
        target=row.target,
        description=row.description,
        added_by=row.added_by,
        added_at=row.added_at,
    )
