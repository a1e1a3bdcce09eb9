"""The servers that characters and presets are shared with, and what is left of them after the bot was removed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, union, update

from bot.store.database import Database
from bot.store.tables import Time, character_shares, preset_shares

_TABLES: Final = (character_shares, preset_shares)
_GUILDS: Final = union(*(select(table.c.guild_id, table.c.left_at).where(table.c.guild_id != 0) for table in _TABLES))
_SET_LEFT: Final = tuple(
    update(table).where(table.c.guild_id.in_(bindparam("guilds", expanding=True))).values(left_at=bindparam("at"))
    for table in _TABLES
)
_DELETE_LEFT: Final = tuple(
    delete(table).where(table.c.left_at <= bindparam("before", type_=Time)) for table in _TABLES
)


class Shares:
    """What is shared with servers; the things themselves stay their owners'."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_guilds(self) -> Mapping[int, datetime | None]:
        """Return server → when the bot was found to be removed from it, None where it was not."""

        def job(connection: Connection) -> Mapping[int, datetime | None]:
            return {row.guild_id: row.left_at for row in connection.execute(_GUILDS)}

        return await self._database.read(job)

    async def mark_left(self, guild_ids: Collection[int], *, at: datetime | None) -> None:
        """Store that the bot was removed from servers, or that it is back (None)."""

        def job(connection: Connection) -> None:
            for statement in _SET_LEFT:
                connection.execute(statement, {"guilds": list(guild_ids), "at": at})

        await self._database.write(job)


def delete_left(connection: Connection, *, before: datetime) -> None:
    """Delete what was shared with servers that the bot was removed from by then."""
    for statement in _DELETE_LEFT:
        connection.execute(statement, {"before": before})
