"""Notes: small things to remember between starts, such as the hash of the commands that Discord has."""

from typing import Any, Final

from sqlalchemy import bindparam, delete, select

from bot.store.commands import upsert
from bot.store.database import Database
from bot.store.tables import notes

_GET: Final = select(notes.c.value).where(notes.c.key == bindparam("name"))
_DROP: Final = delete(notes).where(notes.c.key == bindparam("name"))


class KeyValue:
    """JSON values by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> Any:
        """Return what was put there last, else None."""
        return await self._database.read(lambda connection: connection.execute(_GET, {"name": key}).scalar())

    async def put(self, key: str, value: Any) -> None:
        """Remember ``value``; None forgets the key."""
        if value is None:
            await self._database.write(lambda connection: connection.execute(_DROP, {"name": key}).rowcount)
        else:
            await self._database.write(lambda connection: upsert(connection, notes, {"key": key}, {"value": value}))
