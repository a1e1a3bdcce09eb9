"""Commands: those that were added while the bot ran, and the models' pages as they were last fetched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, delete, insert, select, update

from bot.clock import Clock
from bot.store.database import Database
from bot.store.tables import commands, schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """A command that somebody added.

    ``target`` is the model as configured, its version pinned ("owner/name:version"). ``hidden`` inputs are not
    shown, ``required`` ones must be given, ``defaults`` are sent where nothing is. ``added_by`` is a Discord user's
    id; None when that person asked to be forgotten.
    """

    name: str
    target: str
    description: str | None = None
    hidden: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    added_by: int | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class CachedSchema:
    """A model's page as Replicate gave it, and when."""

    payload: Any
    fetched_at: datetime


_ALL: Final = select(commands).order_by(commands.c.name)
_REMOVE: Final = delete(commands).where(commands.c.name == bindparam("command"))
_SCHEMA: Final = select(schemas.c.payload, schemas.c.fetched_at).where(schemas.c.target == bindparam("target"))


class Commands:
    """The added commands by name, and the cached schemas by target."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, row: CommandRow) -> None:
        """Add a command, or change the one of this name."""
        values = {
            "target": row.target,
            "description": row.description,
            "options": {"hidden": row.hidden, "required": row.required, "defaults": row.defaults},
            "added_by": row.added_by,
            "added_at": row.added_at,
        }
        await self._database.write(lambda connection: upsert(connection, commands, {"name": row.name}, values))

    async def all(self) -> tuple[CommandRow, ...]:
        """Return every added command, by name."""
        return await self._database.read(lambda connection: tuple(_to_command(row) for row in connection.execute(_ALL)))

    async def remove(self, name: str) -> bool:
        """Forget a command; False when there is none of this name."""
        return await self._database.write(
            lambda connection: connection.execute(_REMOVE, {"command": name}).rowcount == 1
        )

    async def cache_schema(self, target: str, payload: Any) -> None:
        """Remember a model's page, so that a start needs no network for it."""
        values = {"payload": payload, "fetched_at": self._clock.now()}
        await self._database.write(lambda connection: upsert(connection, schemas, {"target": target}, values))

    async def schema(self, target: str) -> CachedSchema | None:
        """Return a model's page as it was last fetched."""
        row = await self._database.read(lambda connection: connection.execute(_SCHEMA, {"target": target}).first())
        return None if row is None else CachedSchema(row.payload, row.fetched_at)


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Change the row with this key, or add it; the write lock is held, so nothing comes between."""
    ((column, value),) = key.items()
    if connection.execute(update(table).where(table.c[column] == value).values(values)).rowcount == 0:
        connection.execute(insert(table), {**key, **values})


def _to_command(row: Row[Any]) -> CommandRow:
    options = row.options
    return CommandRow(
        name=row.name,
        target=row.target,
        description=row.description,
        hidden=tuple(options.get("hidden", ())),
        required=tuple(options.get("required", ())),
        defaults=options.get("defaults", {}),
        added_by=row.added_by,
        added_at=row.added_at,
    )
