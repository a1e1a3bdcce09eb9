"""The open database: transactions, queued on connections that have a thread each.

::

    Database.write ─┐
                    ├─► JobQueue.run ─► a batch of the queue's jobs ─► one transaction in a connection's thread
    Database.read ──┘

A whole transaction is one job in that thread: the event loop takes one turn for it, not one for each statement (see
docs/adr/0008).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.store import postgresql
from bot.store.errors import CommitInDoubt, StoreError, convert_error, is_lost_connection, is_transient
from bot.store.location import DatabaseLocation

T = TypeVar("T")
Job = Callable[[Connection], T]

# How many jobs share one transaction at most: each caller waits for all of them.
GROUP_COMMIT_MAX: Final = 64
# Few, because one of them may be long; more than one, because under load each turn of a thread waits for the others'.
_READ_BATCH: Final = 8
_SETTLE_INTERVAL: Final = 0.5  # seconds between two questions about a COMMIT that was not answered
_CLEAR_LOG_SECONDS: Final = 10.0  # a person waits for it; a reader takes milliseconds, a backup seconds
_CLEAR_LOG_INTERVAL: Final = 0.05

log = structlog.get_logger(__name__)


class DatabaseConnection:
    """A connection and its thread; jobs run one after the other. A connection that was lost is opened again.

    ``reading``: its transactions take no write lock. ``durable``: a commit is on disk when it returns; tests that open
    hundreds of databases do without.
    """

    def __init__(self, location: DatabaseLocation, *, reading: bool = False, durable: bool = True) -> None:
        self._engine = location.get_engine(reading=reading, durable=durable)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._was_used = False
        self._connection: Connection | None = None

    @classmethod
    async def open(
        cls, location: DatabaseLocation, *, reading: bool = False, durable: bool = True
    ) -> "DatabaseConnection":
        """Connect; DBAPIError if that fails."""
        connection = cls(location, reading=reading, durable=durable)
        try:
            await connection.run_without_transaction(lambda _: None)
        except BaseException:
            connection._thread.shutdown(wait=False)
            raise
        return connection

    async def run(self, job: Job[T]) -> T:
        """Return the result of ``job``, run in one transaction that is rolled back if it raises."""
        return await self.run_without_transaction(partial(_run_in_transaction, job))

    async def run_without_transaction(self, job: Job[T]) -> T:
        """Return the result of ``job``, which begins and ends its transactions itself."""
        self._was_used = True
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: job(self._connect()))

    async def close(self) -> None:
        """Close the connection and end the thread, which begins with the first job."""
        if self._was_used:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _connect(self) -> Connection:
        if self._connection is not None and self._connection.invalidated:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _run_in_transaction(job: Job[T], connection: Connection) -> T:
    with connection.begin():
        return job(connection)


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: Job[Any]
    result: asyncio.Future[Any]

    def succeed(self, value: object) -> None:
        if not self.result.done():  # its caller was cancelled
            self.result.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The results of a transaction's jobs, or the error that rolled it back.

    ``begun``: False if no job was run. ``unanswered`` is the id of a transaction whose COMMIT got no answer.
    """

    values: list[Any] = field(default_factory=list)
    error: Exception | None = None
    begun: bool = True
    unanswered: str | None = None


class JobQueue:
    """Runs jobs in order, as many at once as it has connections; each gets the first that is free.

    So those that few jobs do not need stay closed: each costs its server a process, with all it knows of the tables.

    ``batch_size``: so many jobs that are queued at the same moment share one transaction: one flush to disk, and one
    turn of the connection's thread. When one of them raises, all are rolled back and each is run again alone. So a job
    may run twice, and must touch nothing but the database.

    ``works``: whether the database made the latest transaction. A locked one keeps a transaction waiting for seconds
    before it fails, so everything that is queued by then fails with it: nobody waits for a thousand others.
    """

    def __init__(
        self,
        connections: Sequence[DatabaseConnection],
        *,
        name: str,
        clock: Clock,
        metrics: Metrics | None = None,
        batch_size: int = 1,
    ) -> None:
        self._batch_size = batch_size
        self._clock = clock
        self._metrics = metrics
        self._queue: deque[_QueuedJob] = deque()
        self._idle: dict[int, asyncio.Future[None]] = {}  # the workers without a job
        self._closed = False
        self._closing = asyncio.Lock()
        self.works = True
        self._workers = [
            asyncio.create_task(self._work(number, connection), name=f"{name}-{number}")
            for number, connection in enumerate(connections)
        ]

    async def run(self, job: Job[T], *, timed_as: str | None = None) -> T:
        """Return the result of ``job`` once it is committed; raise its exception, or StoreError.

        If the caller is cancelled before the job starts, the job is skipped; later, the job runs to its end.
        ``timed_as``: the operation that its time in the queue and in the database is counted under.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        began = self._clock.monotonic()
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_QueuedJob(job, result))
        self._wake_one()
        try:
            return await result
        finally:
            if self._metrics is not None and timed_as is not None:
                self._metrics.transaction_finished(timed_as, self._clock.monotonic() - began)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no jobs any more."""
        return self._closed

    async def close(self) -> None:
        """Run what is queued, then close the connections; a second call does nothing."""
        self._closed = True
        while self._idle:
            self._wake_one()
        await asyncio.gather(*self._workers)

    async def _work(self, number: int, connection: DatabaseConnection) -> None:
        try:
            while batch := await self._next_batch(number):
                await self._run_batch(connection, batch)
        finally:
            # One after the other: SQLite writes its log into the file when the last connection closes, and of two that
            # close at the same moment neither finds itself to be the last.
            async with self._closing:
                await connection.close()

    async def _next_batch(self, worker: int) -> list[_QueuedJob]:
        """Wait for a job and return it with those behind it; an empty list once the queue is closed."""
        batch: list[_QueuedJob] = []
        while True:
            while self._queue and len(batch) < self._batch_size:
                queued = self._queue.popleft()
                if not queued.result.cancelled():
                    batch.append(queued)
            if batch or self._closed:
                return batch
            woken = self._idle[worker] = asyncio.get_running_loop().create_future()
            await woken

    def _wake_one(self) -> None:
        if self._idle and not (woken := self._idle.pop(min(self._idle))).done():  # its worker was not cancelled
            woken.set_result(None)

    async def _run_batch(self, connection: DatabaseConnection, batch: list[_QueuedJob]) -> None:
        """Run the jobs in one transaction; if one of them fails, each in one of its own."""
        outcome = await self._run_transaction(connection, batch)
        if outcome.error is None or isinstance(outcome.error, OperationalError):
            self.works = outcome.error is None  # other errors are a job's own
        if outcome.error is None:
            for queued, value in zip(batch, outcome.values, strict=True):
                queued.succeed(value)
        elif outcome.begun and len(batch) > 1:
            for queued in batch:
                await self._run_batch(connection, [queued])
        else:
            # Without a transaction, the database is locked or away: each job alone would wait for it again.
            error = convert_error(outcome.error)
            for queued in batch:
                queued.fail(error)
            if not outcome.begun:
                self._fail_queued(StoreError(str(error)))

    async def _run_transaction(self, connection: DatabaseConnection, batch: list[_QueuedJob]) -> _Outcome:
        """Run the jobs in one transaction, once more if the first try met a connection that was lost before.

        And again if its COMMIT was not answered and did not take effect.
        """
        is_first = True
        while True:
            try:
                outcome = await connection.run_without_transaction(partial(_execute_jobs, batch))
            except DBAPIError as error:  # the connection was lost and cannot be opened again
                outcome = _Outcome(error=error, begun=False)
            if outcome.unanswered is not None:
                try:
                    if await self._settle(connection, outcome.unanswered):
                        return outcome
                except StoreError as error:
                    return _Outcome(error=CommitInDoubt(str(error)), begun=False)
            elif outcome.error is None or not (is_first and is_transient(outcome.error)):
                return outcome
            is_first = False

    async def _settle(self, connection: DatabaseConnection, transaction_id: str) -> bool:
        """Return whether a transaction took effect, however long the server is away; StoreError if that is lost.

        Its callers wait, because any answer now could be wrong. Jobs behind them fail meanwhile.
        """
        while True:
            try:
                committed = await connection.run(partial(postgresql.is_committed, transaction_id=transaction_id))
            except DBAPIError as error:
                if not is_lost_connection(error) or self._closed:
                    raise convert_error(error) from None
                self.works = False
                self._fail_queued(convert_error(error))
            else:
                if committed is not None:
                    return committed
            await self._clock.sleep(_SETTLE_INTERVAL)

    def _fail_queued(self, error: Exception) -> None:
        while not self._closed and self._queue:
            self._queue.popleft().fail(error)


def _execute_jobs(batch: list[_QueuedJob], connection: Connection) -> _Outcome:
    """Run the jobs in one transaction, in the connection's thread."""
    begun = False
    transaction_id: str | None = None
    values: list[Any] = []
    try:
        with connection.begin():
            begun = True
            values = [queued.job(connection) for queued in batch]
            transaction_id = postgresql.read_transaction_id(connection)
    except Exception as error:  # noqa: BLE001 (it is raised to the job's caller)
        if transaction_id is not None and is_lost_connection(error):
            return _Outcome(values, unanswered=transaction_id)
        return _Outcome(error=error, begun=begun and not is_lost_connection(error))
    return _Outcome(values)


class Database:
    """The open database: ``read`` and ``write`` run a job in a transaction."""

    def __init__(
        self,
        location: DatabaseLocation,
        *,
        writers: Sequence[DatabaseConnection],
        readers: Sequence[DatabaseConnection],
        clock: Clock,
        metrics: Metrics | None,
    ) -> None:
        self.location = location
        self._clock = clock
        queue = partial(JobQueue, clock=clock, metrics=metrics)
        alone = len(writers) == 1  # several commit beside each other
        self._writer = queue(writers, name="store-writer", batch_size=GROUP_COMMIT_MAX if alone else 1)
        self._reader = queue(readers, name="store-reader", batch_size=_READ_BATCH) if readers else self._writer
        self._urgent: JobQueue | None = None

    @classmethod
    async def open(
        cls,
        location: DatabaseLocation,
        writer: DatabaseConnection,
        *,
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> "Database":
        """Open the reading connections and start the queues; DBAPIError if a connection fails.

        Further connections that write are opened when they are first used.
        """
        readers: list[DatabaseConnection] = []
        try:
            while len(readers) < location.readers:
                readers.append(await DatabaseConnection.open(location, reading=True))
        except BaseException:
            for connection in readers:
                await connection.close()
            raise
        writers = [writer, *(DatabaseConnection(location) for _ in range(1, location.writers))]
        return cls(location, writers=writers, readers=readers, clock=clock, metrics=metrics)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no jobs any more."""
        return self._reader.is_closed

    @property
    def is_writable(self) -> bool:
        """Whether the latest transaction was made; False while the database is locked or full, or its server away."""
        return self._writer.works

    async def write(self, job: Job[T]) -> T:
        """Run ``job``; when this returns, the change is on disk. SQLite's write lock is held meanwhile."""
        return await self._writer.run(job, timed_as="write")

    async def write_at_once(self, job: Job[T]) -> T:
        """Run ``job`` on a connection for few and short transactions, opened when it is first used; not on SQLite."""
        if self._urgent is None:
            connection = DatabaseConnection(self.location)
            self._urgent = JobQueue([connection], name="store-urgent", clock=self._clock)
        return await self._urgent.run(job)

    async def read(self, job: Job[T]) -> T:
        """Run ``job`` on one consistent snapshot of the database, as of the latest commit."""
        return await self._reader.run(job, timed_as="read")

    async def read_on_own_connection(self, job: Job[T]) -> T:
        """Run a long job that only reads, on a new connection, so that no other job waits for it."""
        if not self.location.readers:
            return await self._writer.run(job)
        try:
            connection = await DatabaseConnection.open(self.location, reading=True)
            try:
                return await connection.run(job)
            finally:
                await connection.close()
        except DBAPIError as error:
            raise convert_error(error) from None

    async def clear_log(self) -> None:
        """Take what was deleted off the disk: until the database's log is written into its file, copies are left in it.

        Readers and the writer go first, so this tries until it is alone for a moment; the next call does what it could
        not do in time.
        """
        deadline = self._clock.monotonic() + _CLEAR_LOG_SECONDS
        while not await asyncio.to_thread(self.location.clear_log):
            if self._clock.monotonic() >= deadline:
                log.warning("database_log_not_cleared", tried_for=_CLEAR_LOG_SECONDS)
                return
            await self._clock.sleep(_CLEAR_LOG_INTERVAL)

    async def close(self) -> None:
        """Run what is queued and close the connections."""
        await self._writer.close()
        await self._reader.close()
        if self._urgent is not None:
            await self._urgent.close()
