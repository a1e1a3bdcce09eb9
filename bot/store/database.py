"""Database: one SQLite database, opened as this bot needs it.

Writing goes through one lane, whose transactions begin by taking SQLite's write lock: a compare-and-set is exact
among the tasks of this process by the lane, and among processes by that lock. Reading has a lane of its own, which
sees the last commit and never waits for a writer (WAL).

``synchronous=FULL``: in WAL mode NORMAL flushes only at checkpoints, so that a power cut takes back the last commits.
A run whose intent is lost after its prediction was paid for is the one thing the store is there to prevent. One flush
a transaction is the price; moves that wait together share it.
"""

from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.store.errors import StoreError, explain
from bot.store.lane import Lane
from bot.store.location import Location
from bot.store.meter import Meter, Unmetered
from bot.store.session import Job, Session

T = TypeVar("T")

READERS = 2


class Database:
    """The open database: ``read`` and ``write`` do a job in a transaction."""

    def __init__(self, location: Location, *, sessions: list[Session], clock: Clock, meter: Meter) -> None:
        self.sessions = sessions
        self._location = location
        self._clock = clock
        self._meter = meter
        self._writer = Lane(sessions[:1], name="store-writer", together=True)
        # Memory is one connection, or it would be several databases.
        self._reader = Lane(sessions[1:], name="store-reader") if sessions[1:] else self._writer

    @classmethod
    async def open(cls, location: Location, first: Session, *, clock: Clock, meter: Meter | None = None) -> "Database":
        """Start the lanes, with ``first`` to write; DBAPIError when a connection cannot be had."""
        sessions = [first]
        try:
            while len(sessions) <= READERS and location.path is not None:
                sessions.append(await Session.open(location, reading=True))
        except BaseException:
            for session in sessions[1:]:
                await session.close()
            raise
        return cls(location, sessions=sessions, clock=clock, meter=meter or Unmetered())

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
        if self._location.path is None:
            return await self._writer.do(job)
        try:
            session = await Session.open(self._location, reading=True)
            try:
                return await session.do(job)
            finally:
                await session.close()
        except DBAPIError as error:
            raise StoreError(explain(error)) from error

    async def copy(self, path: Path) -> None:
        """Fill the empty file ``path`` with everything, as it is at one moment."""
        if self._location.path is None:
            raise StoreError("A database in memory has no backup; name a file in DATABASE_URL.")
        session = await Session.open(self._location, reading=True)
        try:
            await session.copy(path)
        finally:
            await session.close()

    async def close(self) -> None:
        """Finish what was asked for and let go of the file."""
        await self._writer.close()
        await self._reader.close()
