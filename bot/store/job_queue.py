"""A queue of transactions on one or more connections."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.clock import Clock
from bot.store import postgresql
from bot.store.connection import DatabaseConnection
from bot.store.errors import StoreError, convert_error, is_lost_connection, is_transient

T = TypeVar("T")

# How many jobs share one transaction at most: each caller waits for all of them.
GROUP_COMMIT_MAX: Final = 64

_SETTLE_INTERVAL: Final = 0.5  # seconds between two questions about a COMMIT that was not answered


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: Callable[[Connection], Any]
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
    """Runs jobs in order, as many at once as it has connections.

    ``batch_size``: so many jobs that are queued at the same moment share one transaction: one flush to disk, and one
    turn of the connection's thread. When one of them raises, all are rolled back and each is run again alone. So a job
    may run twice, and must touch nothing but the database.

    ``works``: whether the database made the latest transaction. A locked one keeps a transaction waiting for seconds
    before it fails, so everything that is queued by then fails with it: nobody waits for a thousand others.
    """

    def __init__(
        self, connections: Sequence[DatabaseConnection], *, name: str, clock: Clock, batch_size: int = 1
    ) -> None:
        self._batch_size = batch_size
        self._clock = clock
        self._queue: asyncio.Queue[_QueuedJob | None] = asyncio.Queue()
        self._closed = False
        self._closing = asyncio.Lock()
        self.works = True
        self._workers = [
            asyncio.create_task(self._work(connection), name=f"{name}-{number}")
            for number, connection in enumerate(connections)
        ]

    async def run(self, job: Callable[[Connection], T]) -> T:
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
                await self._run_batch(connection, batch)
        finally:
            # One after the other: SQLite writes its log into the file when the last connection closes, and of two that
            # close at the same moment neither finds itself to be the last.
            async with self._closing:
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
                self._fail_queued(error)

    async def _run_transaction(self, connection: DatabaseConnection, batch: list[_QueuedJob]) -> _Outcome:
        """Run the jobs in one transaction, once more if the first try met a connection that was lost before."""
        outcome = await _try_transaction(connection, batch)
        if outcome.error is not None and is_transient(outcome.error):
            outcome = await _try_transaction(connection, batch)
        while outcome.unanswered is not None:
            try:
                committed = await self._settle(connection, outcome.unanswered)
            except StoreError as error:
                return _Outcome(error=error, begun=False)
            if committed:
                break
            outcome = await _try_transaction(connection, batch)
        return outcome

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
        while not self._closed and not self._queue.empty():
            if (queued := self._queue.get_nowait()) is not None:
                queued.fail(error)


async def _try_transaction(connection: DatabaseConnection, batch: list[_QueuedJob]) -> _Outcome:
    try:
        return await connection.run_without_transaction(partial(_run_transaction, batch))
    except DBAPIError as error:  # it was lost and cannot be opened again
        return _Outcome(error=error, begun=False)


def _run_transaction(batch: list[_QueuedJob], connection: Connection) -> _Outcome:
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
