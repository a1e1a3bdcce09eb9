"""One SQLite database: its URL, its connections, and the queues of transactions on them.

Each connection has a thread of its own, in which a whole transaction is one job: the event loop takes one turn for it,
not one for each statement (see docs/adr/0008).
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, StatementError

from bot.clock import Clock
from bot.errors import ConfigError
from bot.observability.metrics import Metrics
from bot.store.errors import StoreError, explain_error

T = TypeVar("T")
Job = Callable[[Connection], T]

READERS = 2

# How many jobs share one transaction at most: each caller waits for all of them.
GROUP_COMMIT_MAX = 64

_EXAMPLE_URL = "sqlite+aiosqlite:///data/replicord.db"
_BUSY_TIMEOUT_MS = 2_000  # how long to wait for another process; a transaction of the bot takes a few
_PRAGMAS = (
    f"busy_timeout={_BUSY_TIMEOUT_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # overwrite deleted content, so that erased data is not left in the file
)
_NOT_DURABLE = "synchronous=OFF"


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """The location of a database: a file, or this process's memory (``path`` None)."""

    path: Path | None

    @classmethod
    def parse(cls, url: str) -> "DatabaseLocation":
        """Parse a DATABASE_URL; ConfigError shows a valid one."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigError(f"DATABASE_URL is not a URL. Example: {_EXAMPLE_URL}.") from error
        if parsed.get_backend_name() != "sqlite":
            backend = parsed.get_backend_name()
            raise ConfigError(f"DATABASE_URL uses {backend}, but only SQLite is supported: {_EXAMPLE_URL}.")
        if parsed.query or parsed.host or (parsed.database or "").startswith("file:"):
            raise ConfigError(
                f"DATABASE_URL must hold only a path: {_EXAMPLE_URL} (four slashes make it an absolute path)."
            )
        if parsed.database in (None, "", ":memory:"):
            return cls(None)
        return cls(Path(parsed.database).expanduser().absolute())

    def __str__(self) -> str:
        return "memory" if self.path is None else str(self.path)

    @property
    def folder(self) -> Path:
        """The folder of the database, where other data can be kept too."""
        return Path(tempfile.gettempdir(), f"replicord-{os.getpid()}") if self.path is None else self.path.parent

    def prepare(self) -> None:
        """Create the folder and an empty file that only the bot's user can read; ConfigError if that fails."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.path.parent} cannot be created: {error.strerror}. "
                "Create it for the bot's user, or change DATABASE_URL."
            ) from error
        if self.path.is_dir():
            raise ConfigError(f"DATABASE_URL points to the folder {self.path}. Add a file name.")
        if self.path.exists():
            return  # opening and closing the file here would drop the locks of an SQLite connection in this process
        try:
            # The file holds prompts and interaction tokens; SQLite gives its side files the same permissions.
            self.path.touch(mode=0o600)
        except OSError as error:
            raise ConfigError(
                f"The database {self.path} cannot be written: {error.strerror}. "
                "Give the bot's user write access, or change DATABASE_URL."
            ) from error


class DatabaseConnection:
    """A connection and its thread; jobs run one after the other.

    ``reading``: its transactions take no write lock. ``durable``: a commit is on disk when it returns; tests that open
    hundreds of databases do without.
    """

    def __init__(self, location: DatabaseLocation, *, reading: bool = False, durable: bool = True) -> None:
        self._path = ":memory:" if location.path is None else str(location.path)
        self._pragmas = _PRAGMAS if durable else (*_PRAGMAS, _NOT_DURABLE)
        self._engine = create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=StaticPool,
            hide_parameters=True,  # they are prompts and tokens, and an error's text is logged
        )
        event.listen(self._engine, "begin", _begin_reading if reading else _begin_writing)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: Connection

    @classmethod
    async def open(
        cls, location: DatabaseLocation, *, reading: bool = False, durable: bool = True
    ) -> "DatabaseConnection":
        """Connect; DBAPIError if that fails."""
        connection = cls(location, reading=reading, durable=durable)
        try:
            connection._connection = await connection._run_in_thread(connection._engine.connect)
        except BaseException:
            connection._thread.shutdown(wait=False)
            raise
        return connection

    async def run(self, job: Job[T]) -> T:
        """Return the result of ``job``, run in one transaction that is rolled back if it raises."""
        return await self._run_in_thread(_run_in_transaction, self._connection, job)

    async def run_without_transaction(self, job: Job[T]) -> T:
        """Return the result of ``job``, which begins and ends its transactions itself."""
        return await self._run_in_thread(job, self._connection)

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._run_in_thread(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run_in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _connect(self) -> sqlite3.Connection:
        # isolation_level None: Python's sqlite3 begins no transactions; the listeners above do. The garbage collector
        # may finalize the connection in any thread.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _run_in_transaction(connection: Connection, job: Job[T]) -> T:
    with connection.begin():
        return job(connection)


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: Job[Any]
    result: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _FinishedJob:
    queued: _QueuedJob
    value: Any = None
    error: Exception | None = None


class JobQueue:
    """Runs jobs in order, as many at once as it has connections.

    ``group_commit``: jobs that are queued at the same moment share one transaction and one flush to disk. When one of
    them raises, all are rolled back and each is run again alone. So a job may run twice, and must touch nothing but
    the database.
    """

    def __init__(self, connections: Sequence[DatabaseConnection], *, name: str, group_commit: bool = False) -> None:
        self._batch_size = GROUP_COMMIT_MAX if group_commit else 1
        self._queue: asyncio.Queue[_QueuedJob | None] = asyncio.Queue()
        self._closed = False
        self._workers = [
            asyncio.create_task(self._work(connection), name=f"{name}-{number}")
            for number, connection in enumerate(connections)
        ]

    async def run(self, job: Job[T]) -> T:
        """Return the result of ``job`` once it is committed; raise its exception, or StoreError.

        If the caller is cancelled before the job starts, the job is skipped; later, the job runs to its end.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_QueuedJob(job, result))
        return await result

    async def close(self) -> None:
        """Run what is queued, then close the connections; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
        await asyncio.gather(*self._workers)

    async def _work(self, connection: DatabaseConnection) -> None:
        try:
            while batch := await self._next_batch():
                _set_results(await connection.run_without_transaction(partial(_run_batch, batch)))
        finally:
            await connection.close()

    async def _next_batch(self) -> list[_QueuedJob]:
        """Wait for a job and return it with those behind it; an empty list once the queue is closed."""
        batch: list[_QueuedJob] = []
        while len(batch) < self._batch_size and not (batch and self._queue.empty()):
            queued = await self._queue.get()
            if queued is None:
                self._queue.put_nowait(None)  # for the next call, and for the other workers
                break
            if not queued.result.cancelled():
                batch.append(queued)
        return batch


def _run_batch(batch: list[_QueuedJob], connection: Connection) -> list[_FinishedJob]:
    """Run the jobs in one transaction; if that fails, each in one of its own."""
    begun = False
    try:
        with connection.begin():
            begun = True
            return [_FinishedJob(queued, value=queued.job(connection)) for queued in batch]
    except Exception as error:  # noqa: BLE001 (it is raised to the job's caller)
        if begun and len(batch) > 1:
            return [finished for queued in batch for finished in _run_batch([queued], connection)]
        # The transaction could not begin: another program has locked the database, and each retry would wait again.
        return [_FinishedJob(queued, error=_convert_error(error)) for queued in batch]


def _convert_error(error: Exception) -> Exception:
    if not isinstance(error, StatementError):
        return error
    converted = StoreError(explain_error(error))
    converted.__cause__ = error
    return converted


def _set_results(jobs: list[_FinishedJob]) -> None:
    for finished in jobs:
        result = finished.queued.result
        if result.done():
            continue  # its caller was cancelled
        if finished.error is not None:
            result.set_exception(finished.error)
        else:
            result.set_result(finished.value)


class Database:
    """The open database: ``read`` and ``write`` run a job in a transaction."""

    def __init__(
        self,
        location: DatabaseLocation,
        *,
        connections: Sequence[DatabaseConnection],
        clock: Clock,
        metrics: Metrics | None,
    ) -> None:
        self.location = location
        self._clock = clock
        self._metrics = metrics
        self._writer = JobQueue(connections[:1], name="store-writer", group_commit=True)
        # A second connection to memory would be a second database.
        self._reader = JobQueue(connections[1:], name="store-reader") if connections[1:] else self._writer

    @classmethod
    async def open(
        cls,
        location: DatabaseLocation,
        writer: DatabaseConnection,
        *,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> "Database":
        """Open the reading connections and start the queues; DBAPIError if a connection fails."""
        connections = [writer]
        try:
            while len(connections) <= READERS and location.path is not None:
                connections.append(await DatabaseConnection.open(location, reading=True))
        except BaseException:
            for connection in connections[1:]:
                await connection.close()
            raise
        return cls(location, connections=connections, clock=clock, metrics=metrics)

    async def write(self, job: Job[T]) -> T:
        """Run ``job`` with the write lock held; when this returns, the change is on disk."""
        return await self._run_timed("write", self._writer, job)

    async def read(self, job: Job[T]) -> T:
        """Run ``job`` on one consistent snapshot of the database, as of the latest commit."""
        return await self._run_timed("read", self._reader, job)

    async def read_on_own_connection(self, job: Job[T]) -> T:
        """Run a long job that only reads, on a new connection, so that no other job waits for it."""
        if self.location.path is None:
            return await self._writer.run(job)
        try:
            connection = await DatabaseConnection.open(self.location, reading=True)
            try:
                return await connection.run(job)
            finally:
                await connection.close()
        except DBAPIError as error:
            raise StoreError(explain_error(error)) from error

    async def close(self) -> None:
        """Run what is queued and close the file."""
        await self._writer.close()
        await self._reader.close()

    async def _run_timed(self, operation: str, queue: JobQueue, job: Job[T]) -> T:
        started = self._clock.monotonic()
        try:
            return await queue.run(job)
        finally:
            if self._metrics is not None:
                self._metrics.transaction_finished(operation, self._clock.monotonic() - started)
