"""One SQLite database: its URL, its connections, and the queues of transactions on them."""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, StatementError

from bot.clock import Clock
from bot.errors import ConfigError
from bot.store.errors import StoreError, explain_error

_EXAMPLE = "sqlite+aiosqlite:///data/replicord.db"


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """A database's place. ``path`` None is the memory of this process."""

    path: Path | None

    @classmethod
    def parse(cls, url: str) -> "DatabaseLocation":
        """Read a DATABASE_URL; ConfigError says how one looks."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigError(f"DATABASE_URL is not a URL. One looks like {_EXAMPLE}.") from error
        if parsed.get_backend_name() != "sqlite":
            raise ConfigError(f"DATABASE_URL names {parsed.get_backend_name()}; runs are kept in SQLite: {_EXAMPLE}.")
        if parsed.query or parsed.host or (parsed.database or "").startswith("file:"):
            raise ConfigError(f"DATABASE_URL takes a path and no more: {_EXAMPLE}, or with four slashes from the root.")
        if parsed.database in (None, "", ":memory:"):
            return cls(None)
        return cls(Path(parsed.database).expanduser().absolute())

    def __str__(self) -> str:
        return "memory" if self.path is None else str(self.path)

    @property
    def folder(self) -> Path:
        """The folder that the database lies in, for what belongs beside it."""
        return Path(tempfile.gettempdir(), f"replicord-{os.getpid()}") if self.path is None else self.path.parent

    def prepare(self) -> None:
        """Make the folder and an empty file that only the bot's user can read; ConfigError if that cannot be."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.path.parent} cannot be made: {error.strerror}. "
                "Make it yourself for the bot's user, or change DATABASE_URL."
            ) from error
        if self.path.is_dir():
            raise ConfigError(f"DATABASE_URL names the folder {self.path}; add the name of a file.")
        if self.path.exists():
            return  # opening and closing it here would drop the locks of an SQLite connection in this process
        try:
            # Prompts and interaction tokens lie in it; SQLite gives its side files the same rights.
            self.path.touch(mode=0o600)
        except OSError as error:
            raise ConfigError(
                f"The database {self.path} cannot be written: {error.strerror}. "
                "Give the bot's user the right to, or change DATABASE_URL."
            ) from error


T = TypeVar("T")
Job = Callable[[Connection], T]

_BUSY_MS = 2_000  # how long one waits for another process; a move takes a few
_PRAGMAS = (
    f"busy_timeout={_BUSY_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased is overwritten, not only let go of
)


class DatabaseConnection:
    """One connection; its jobs are done one after the other. ``reading``: its transactions take no lock."""

    def __init__(self, location: DatabaseLocation, *, reading: bool = False) -> None:
        self.engine = create_engine(
            "sqlite://",
            creator=lambda: self._raw,
            poolclass=StaticPool,
            hide_parameters=True,  # they are prompts and tokens, and an error's text reaches the log
        )
        event.listen(self.engine, "connect", _set_up)
        event.listen(self.engine, "begin", _read if reading else _write)
        self._path = ":memory:" if location.path is None else str(location.path)
        self._driver = aiosqlite.Connection(self._connect, iter_chunk_size=64)
        self._raw: sqlite3.Connection
        self._connection: Connection

    @classmethod
    async def open(cls, location: DatabaseLocation, *, reading: bool = False) -> "DatabaseConnection":
        """Connect; DBAPIError when that cannot be."""
        session = cls(location, reading=reading)
        try:
            await session._driver
            session._connection = await session._turn(_connected, session.engine)
        except BaseException:
            await session._driver.close()
            raise
        return session

    async def do(self, job: Job[T]) -> T:
        """Return what ``job`` returned, done in one transaction; nothing of it is kept when it raises."""
        return await self._turn(_transacted, self._connection, job)

    async def plain(self, job: Job[T]) -> T:
        """Return what ``job`` returned; it begins and ends its transactions itself."""
        return await self._turn(job, self._connection)

    async def copy(self, path: Path) -> None:
        """Fill the empty file ``path`` with everything, as it is at one moment."""
        async with aiosqlite.connect(path) as copy:
            await self._driver.backup(copy)

    async def close(self) -> None:
        """Let go of the file."""
        await self._turn(self._connection.close)
        await self._driver.close()

    async def _turn(self, function: Callable[..., T], *arguments: Any) -> T:
        """Do something in the driver's thread; it has no public way for more than one statement."""
        driver: Any = self._driver
        done: T = await driver._execute(function, *arguments)  # noqa: SLF001 (see above)
        return done

    def _connect(self) -> sqlite3.Connection:
        # Python's sqlite3 begins no transactions; _read and _write do. (The last look at it may come from the loop's
        # thread, when a failed start is cleared away.)
        self._raw = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        return self._raw


def _connected(engine: Engine) -> Connection:
    return engine.connect()


def _transacted(connection: Connection, job: Job[T]) -> T:
    with connection.begin():
        return job(connection)


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


# How many jobs share one transaction at most: their callers wait for the whole.
GROUP_COMMIT_MAX = 64


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: Job[Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _FinishedJob:
    asked: _QueuedJob
    value: Any = None
    error: Exception | None = None


class JobQueue:
    """Does jobs in the order in which they were asked for, as many at once as it has connections.

    ``together``: jobs that wait at the same moment share one transaction and one flush to the disk. When one of them
    raises, none of it is kept and each is done again alone; so a job may run twice, and must touch nothing but the
    database.
    """

    def __init__(self, sessions: Sequence[DatabaseConnection], *, name: str, together: bool = False) -> None:
        self._most = GROUP_COMMIT_MAX if together else 1
        self._asked: asyncio.Queue[_QueuedJob | None] = asyncio.Queue()
        self._closed = False
        self._workers = [
            asyncio.create_task(self._work(session), name=f"{name}-{number}") for number, session in enumerate(sessions)
        ]

    async def do(self, job: Job[T]) -> T:
        """Return what ``job`` returned, once it is committed; raise what it raised, or StoreError.

        A job whose caller is cancelled before its turn is left out; cancelled later, the caller does not know.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(_QueuedJob(job, answer))
        return await answer

    async def close(self) -> None:
        """Do what was asked for, then close the connections; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._asked.put_nowait(None)
        await asyncio.gather(*self._workers)

    async def _work(self, session: DatabaseConnection) -> None:
        try:
            while waiting := await self._next():
                _answer(await _perform(session, waiting))
        finally:
            await session.close()

    async def _next(self) -> list[_QueuedJob]:
        """Wait for a job and return it with those behind it; nothing when the lane is closed."""
        waiting: list[_QueuedJob] = []
        while len(waiting) < self._most and not (waiting and self._asked.empty()):
            asked = await self._asked.get()
            if asked is None:
                self._asked.put_nowait(None)  # for the next call, and for the other workers
                break
            if not asked.answer.cancelled():
                waiting.append(asked)
        return waiting


async def _perform(session: DatabaseConnection, waiting: list[_QueuedJob]) -> list[_FinishedJob]:
    """Do the jobs in one transaction; if that fails, each in one of its own."""
    begun = False

    def do_all(connection: Connection) -> list[_FinishedJob]:
        nonlocal begun
        begun = True
        return [_FinishedJob(asked, value=asked.job(connection)) for asked in waiting]

    try:
        return await session.do(do_all)
    except Exception as error:  # noqa: BLE001 (it belongs to the caller, who awaits it)
        if begun and len(waiting) > 1:
            return [done for asked in waiting for done in await _perform(session, [asked])]
        # It could not even begin: another program holds the database, and would make each of them wait anew.
        return [_FinishedJob(asked, error=_failure(error)) for asked in waiting]


def _failure(error: Exception) -> Exception:
    if not isinstance(error, StatementError):
        return error
    failure = StoreError(explain_error(error))
    failure.__cause__ = error
    return failure


def _answer(done: list[_FinishedJob]) -> None:
    for one in done:
        if one.asked.answer.done():
            continue  # its caller was cancelled
        if one.error is not None:
            one.asked.answer.set_exception(one.error)
        else:
            one.asked.answer.set_result(one.value)


class Meter(Protocol):
    """Takes note; never waits, never fails."""

    def did(self, operation: str, seconds: float) -> None:
        """Note one transaction, "read" or "write", with the wait for its turn."""
        ...


class Unmetered:
    """A meter that looks away."""

    def did(self, operation: str, seconds: float) -> None:
        """Do nothing."""


READERS = 2


class Database:
    """The open database: ``read`` and ``write`` do a job in a transaction."""

    def __init__(
        self, location: DatabaseLocation, *, sessions: list[DatabaseConnection], clock: Clock, meter: Meter
    ) -> None:
        self.sessions = sessions
        self._location = location
        self._clock = clock
        self._meter = meter
        self._writer = JobQueue(sessions[:1], name="store-writer", together=True)
        # Memory is one connection, or it would be several databases.
        self._reader = JobQueue(sessions[1:], name="store-reader") if sessions[1:] else self._writer

    @classmethod
    async def open(
        cls, location: DatabaseLocation, first: DatabaseConnection, *, clock: Clock, meter: Meter | None = None
    ) -> "Database":
        """Start the lanes, with ``first`` to write; DBAPIError when a connection cannot be had."""
        sessions = [first]
        try:
            while len(sessions) <= READERS and location.path is not None:
                sessions.append(await DatabaseConnection.open(location, reading=True))
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

    async def _timed(self, operation: str, lane: JobQueue, job: Job[T]) -> T:
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
            session = await DatabaseConnection.open(self._location, reading=True)
            try:
                return await session.do(job)
            finally:
                await session.close()
        except DBAPIError as error:
            raise StoreError(explain_error(error)) from error

    async def copy(self, path: Path) -> None:
        """Fill the empty file ``path`` with everything, as it is at one moment."""
        if self._location.path is None:
            raise StoreError("A database in memory has no backup; name a file in DATABASE_URL.")
        session = await DatabaseConnection.open(self._location, reading=True)
        try:
            await session.copy(path)
        finally:
            await session.close()

    async def close(self) -> None:
        """Finish what was asked for and let go of the file."""
        await self._writer.close()
        await self._reader.close()
