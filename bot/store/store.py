"""Store: the database, opened, brought up to date and looked over; every part of it by name."""

import asyncio
import contextlib
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.errors import ConfigError
from bot.limits import MIB
from bot.store import maintenance, migrations
from bot.store.commands import Commands, KeyValue
from bot.store.database import Database, DatabaseConnection, DatabaseLocation, Meter
from bot.store.errors import explain_error
from bot.store.process_lock import ProcessLock
from bot.store.runs import Runs

# Up to this size a start looks the whole database over, in a fraction of a second. A million runs take 5 s to read,
# or 40 s from a cold disk: those are left to ``damage``, beside the work.
_LOOK_OVER = 64 * MIB


class Store:
    """What the bot remembers. ``open`` it, ``close`` it."""

    def __init__(self, database: Database, *, owner: ProcessLock | None, clock: Clock) -> None:
        self._database = database
        self._owner = owner
        self.runs = Runs(database, clock=clock)
        self.commands = Commands(database)
        self.key_value = KeyValue(database)

    @classmethod
    async def open(cls, url: str, *, clock: Clock, own: bool = True, meter: Meter | None = None) -> "Store":
        """Open the database at ``url``, made and migrated as needed; ConfigError says what stands in the way.

        With ``own`` no other bot may run on it until this store is closed. Without, it is for looking (``check``,
        a backup): it opens beside a running bot, and migrates only when none runs.
        """
        location = DatabaseLocation.parse(url)
        await asyncio.to_thread(location.prepare)
        owner = await asyncio.to_thread(ProcessLock.take, location.path) if own and location.path else None
        session: DatabaseConnection | None = None
        try:
            session = await DatabaseConnection.open(location)
            await _make_ready(session, location, owned=owner is not None)
            database = await Database.open(location, session, clock=clock, meter=meter)
        except BaseException as error:
            if session is not None:
                await session.close()
            if owner is not None:
                owner.release()
            if isinstance(error, DBAPIError):
                raise ConfigError(f"{location}: {explain_error(error)}") from error
            raise
        return cls(database, owner=owner, clock=clock)

    async def close(self) -> None:
        """Finish what was asked for and let go of the database; a second call does nothing."""
        try:
            await self._database.close()
        finally:
            if self._owner is not None:
                self._owner.release()

    async def backup(self, path: Path) -> None:
        """Write a consistent copy of the database to ``path``, while everything goes on."""
        await maintenance.backup(self._database, path)

    async def damage(self) -> str | None:
        """Look the whole database over, however long it takes, and return what is broken; None when it is sound."""
        return await self._database.look(maintenance.damage)


async def _make_ready(session: DatabaseConnection, location: DatabaseLocation, *, owned: bool) -> None:
    # The write lock is held here: what cannot be written, or is no database, says so at once.
    version = await session.do(_look_over)
    if version != migrations.STEPS[-1]:
        with contextlib.ExitStack() as held:
            if not owned and location.path:
                held.callback((await asyncio.to_thread(ProcessLock.take, location.path)).release)
            await session.plain(migrations.upgrade)


def _look_over(connection: Connection) -> str | None:
    """Return the last step that the database took; ConfigError when it is damaged or not ours."""
    version = migrations.read_version(connection)
    if version is not None and maintenance.size(connection) <= _LOOK_OVER and (found := maintenance.damage(connection)):
        raise ConfigError(f"The database is damaged ({found}). Restore the newest backup.")
    return version
