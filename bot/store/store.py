"""Store: open, migrate and check the database, and give access to its parts."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.errors import ConfigError
from bot.limits import MIB
from bot.observability.metrics import Metrics
from bot.store import migrations
from bot.store.budgets import Budgets
from bot.store.characters import Characters
from bot.store.commands import Commands, KeyValue
from bot.store.creations import Shares
from bot.store.database import Database, DatabaseConnection
from bot.store.errors import convert_error
from bot.store.gallery import Gallery
from bot.store.leases import Leases
from bot.store.library import Library
from bot.store.location import DatabaseLocation, parse_location
from bot.store.picture_checks import PictureChecks
from bot.store.prediction_ends import PredictionEnds
from bot.store.preferences import PreferenceRows
from bot.store.presets import Presets
from bot.store.process_lock import ProcessLock
from bot.store.refused_runs import RefusedRuns
from bot.store.reports import Reports
from bot.store.results import Results
from bot.store.runs import Runs
from bot.store.saved_chains import SavedChains
from bot.store.server_rules import Servers
from bot.store.shared_limits import SharedLimits

# Up to this size a start checks the whole database, in a fraction of a second. A million runs take 5 s to read, or 40 s
# from a cold disk: those are left to ``find_damage``, while the bot runs.
_CHECK_AT_START_MAX = 64 * MIB


class Store:
    """The open database, by what is stored: ``runs``, ``results``, ``library``, ``commands`` and others."""

    def __init__(self, database: Database, *, lock: ProcessLock | None, clock: Clock) -> None:
        self.database = database
        self._lock = lock
        self.runs = Runs(database, clock=clock)
        self.results = Results(database, clock=clock)
        self.budgets = Budgets(database, clock=clock)
        self.commands = Commands(database)
        self.key_value = KeyValue(database)
        self.characters = Characters(database)
        self.presets = Presets(database)
        self.preferences = PreferenceRows(database)
        self.shares = Shares(database)
        self.prediction_ends = PredictionEnds(database)
        self.library = Library(database, clock=clock)
        self.gallery = Gallery(database, clock=clock)
        self.saved_chains = SavedChains(database)
        self.leases = Leases(database)
        self.shared_limits = SharedLimits(database)
        self.servers = Servers(database)
        self.reports = Reports(database)
        self.picture_checks = PictureChecks(database)
        self.refused_runs = RefusedRuns(database)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock,
        exclusive: bool = True,
        metrics: Metrics | None = None,
        durable: bool = True,
    ) -> "Store":
        """Open the database at ``url``, created and migrated as needed; ConfigError if that fails.

        ``exclusive``: no other process may use an SQLite database until this store is closed. Otherwise (``check``, a
        backup) it opens beside a running bot, and migrates only if none is running. On PostgreSQL, a bot may be several
        processes, and each migrates. ``durable``: see DatabaseConnection.
        """
        location = parse_location(url)
        await asyncio.to_thread(location.prepare)
        lock = await asyncio.to_thread(location.acquire_lock) if exclusive else None
        writer: DatabaseConnection | None = None
        try:
            writer = await DatabaseConnection.open(location, durable=durable)
            await _migrate(writer, location, exclusive=exclusive)
            database = await Database.open(location, writer, clock=clock, metrics=metrics)
        except BaseException as error:
            if writer is not None:
                await writer.close()
            if lock is not None:
                lock.release()
            if isinstance(error, DBAPIError):
                converted = convert_error(error)
                raise ConfigError(f"{location}: {converted}") from converted.__cause__
            raise
        return cls(database, lock=lock, clock=clock)

    async def close(self) -> None:
        """Run the queued transactions and close the database; a second call does nothing."""
        try:
            await self.database.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy of the database to ``path`` while the bot runs; StoreError if that fails."""
        await self.database.location.back_up(path)

    async def find_damage(self) -> str | None:
        """Check the whole database, however long it takes, and return the first fault; None if it is intact."""
        return await self.database.read_on_own_connection(self.database.location.find_damage)


async def _migrate(writer: DatabaseConnection, location: DatabaseLocation, *, exclusive: bool) -> None:
    # This transaction takes the write lock, so a file that cannot be written, or is no database, fails here.
    version = await writer.run(partial(_check_version, location))
    if version != migrations.STEPS[-1]:
        with contextlib.ExitStack() as stack:
            if not exclusive and (lock := await asyncio.to_thread(location.acquire_lock)):
                stack.callback(lock.release)
            await writer.run_without_transaction(migrations.upgrade)


def _check_version(location: DatabaseLocation, connection: Connection) -> str | None:
    """Return the last migration that was applied; ConfigError if the database is damaged or not ours."""
    version = migrations.read_version(connection)
    small = location.read_size(connection) <= _CHECK_AT_START_MAX
    if version is not None and small and (damage := location.find_damage(connection)):
        raise ConfigError(f"The database is damaged ({damage}). Restore the latest backup.")
    return version
