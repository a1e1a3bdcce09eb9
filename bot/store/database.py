"""Database: one SQLite database, opened as this bot needs it.

Writing goes through one lane, whose transactions begin by taking SQLite's write lock: a compare-and-set is exact
among the tasks of this process by the lane, and among processes by that lock. Reading has a lane of its own, which
sees the last commit and never waits for a writer (WAL).

``synchronous=FULL``: in WAL mode NORMAL flushes only at checkpoints, so that a power cut takes back the last commits.
A run whose intent is lost after its prediction was paid for is the one thing the store is there to prevent. One flush
a transaction is the price; moves that wait together share it.
"""

from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from bot.clock import Clock
from bot.store.errors import StoreError, explain
from bot.store.lane import Job, Lane
from bot.store.location import Location
from bot.store.meter import Meter, Unmetered

T = TypeVar("T")

READERS = 2
_BUSY_MS = 2_000  # how long one waits for another process; a move takes a few
_PRAGMAS = (
    f"busy_timeout={_BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased is overwritten, not only let go of
)


class Database:
    """The open database: ``read`` and ``write`` do a job in a transaction."""

    def __init__(self, engine: AsyncEngine, *, writer: Lane, reader: Lane, clock: Clock, meter: Meter) -> None:
        self._engine = engine
        self._clock = clock
        self._meter = meter
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, engine: AsyncEngine, *, clock: Clock, meter: Meter | None = None) -> "Database":
        """Start the lanes; DBAPIError when a connection cannot be had."""
        in_memory = isinstance(engine.pool, StaticPool)
        connections = await _connect(engine, readers=0 if in_memory else READERS)
        writer = Lane(connections[:1], name="store-writer", together=True)
        reader = writer if in_memory else Lane(connections[1:], name="store-reader")
        return cls(engine, writer=writer, reader=reader, clock=clock, meter=meter or Unmetered())

    async def write(self, job: Job[T]) -> T:
        """Do ``job`` with the write lock held; when this returns, the disk has it."""
        return await self._timed("write", self._writer, job)

    async def read(self, job: Job[T]) -> T:
        """Do ``job`` on one consistent picture of the database, the newest commit's."""
        return await self._timed("read", self._reader, job)

    async def _timed(self, operation: str, lane: Lane, job: Job[T]) -> T:
        began = self._clock.monotonic()
        try:
            return await lane.do(job)
        finally:
            self._meter.did(operation, self._clock.monotonic() - began)

    async def look(self, job: Job[T]) -> T:
        """Do a job that only reads and takes long, over a connection of its own: it holds up nobody."""
        if isinstance(self._engine.pool, StaticPool):
            return await self._writer.do(job)
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(reading=True)
                return await connection.run_sync(job)
        except DBAPIError as error:
            raise StoreError(explain(error)) from error

    async def copy(self, path: Path) -> None:
        """Fill the empty file ``path`` with everything, as it is at one moment."""
        if isinstance(self._engine.pool, StaticPool):
            raise StoreError("A database in memory has no backup; name a file in DATABASE_URL.")
        async with self._engine.connect() as connection, aiosqlite.connect(path) as copy:
            await (await driver(connection)).backup(copy)

    async def close(self) -> None:
        """Finish what was asked for and let go of the file."""
        await self._writer.close()
        await self._reader.close()
        await self._engine.dispose()


def make_engine(location: Location) -> AsyncEngine:
    """Return an engine whose connections are set up as this module's text says."""
    engine = create_async_engine(
        location.engine_url,
        # Each lane keeps its connections for life; memory is one connection, or it would be several databases.
        poolclass=StaticPool if location.path is None else NullPool,
        hide_parameters=True,  # they are prompts and tokens, and an error's text reaches the log
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


async def driver(connection: AsyncConnection) -> aiosqlite.Connection:
    """Return aiosqlite's own connection, for what SQLAlchemy has no words for; no transaction is begun."""
    return cast("aiosqlite.Connection", (await connection.get_raw_connection()).driver_connection)


async def _connect(engine: AsyncEngine, *, readers: int) -> list[AsyncConnection]:
    """Return the writer's connection and the readers', or none of them."""
    connections: list[AsyncConnection] = []
    try:
        connections.append(await engine.connect())
        for _ in range(readers):
            connections.append(await engine.connect())
            await connections[-1].execution_options(reading=True)
    except BaseException:
        for connection in connections:
            await connection.close()
        raise
    return connections


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # Python's sqlite3 begins no transactions; _begin does
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
