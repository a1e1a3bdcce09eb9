"""The open database: its queues of transactions."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.store.connection import DatabaseConnection
from bot.store.errors import convert_error
from bot.store.job_queue import GROUP_COMMIT_MAX, JobQueue
from bot.store.location import DatabaseLocation

T = TypeVar("T")
Job = Callable[[Connection], T]

# Few, because one of them may be long; more than one, because under load each turn of a thread waits for the others'.
_READ_BATCH: Final = 8
_CLEAR_LOG_SECONDS: Final = 10.0  # a person waits for it; a reader takes milliseconds, a backup seconds
_CLEAR_LOG_INTERVAL: Final = 0.05

log = structlog.get_logger(__name__)


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
        self._metrics = metrics
        alone = len(writers) == 1  # several commit beside each other
        self._writer = JobQueue(writers, name="store-writer", clock=clock, batch_size=GROUP_COMMIT_MAX if alone else 1)
        self._reader = (
            JobQueue(readers, name="store-reader", clock=clock, batch_size=_READ_BATCH) if readers else self._writer
        )
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
    def is_writable(self) -> bool:
        """Whether the latest transaction was made; False while the database is locked or full, or its server away."""
        return self._writer.works

    async def write(self, job: Job[T]) -> T:
        """Run ``job``; when this returns, the change is on disk. SQLite's write lock is held meanwhile."""
        return await self._run_timed("write", self._writer, job)

    async def write_at_once(self, job: Job[T]) -> T:
        """Run ``job`` on a connection for few and short transactions, opened when it is first used; not on SQLite."""
        if self._urgent is None:
            connection = DatabaseConnection(self.location)
            self._urgent = JobQueue([connection], name="store-urgent", clock=self._clock)
        return await self._urgent.run(job)

    async def read(self, job: Job[T]) -> T:
        """Run ``job`` on one consistent snapshot of the database, as of the latest commit."""
        return await self._run_timed("read", self._reader, job)

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

    async def _run_timed(self, operation: str, queue: JobQueue, job: Job[T]) -> T:
        started = self._clock.monotonic()
        try:
            return await queue.run(job)
        finally:
            if self._metrics is not None:
                self._metrics.transaction_finished(operation, self._clock.monotonic() - started)
