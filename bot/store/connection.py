"""One connection to the database, in a thread of its own.

A whole transaction is one job in that thread: the event loop takes one turn for it, not one for each statement (see
docs/adr/0008).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from bot.store.location import DatabaseLocation

T = TypeVar("T")
Job = Callable[[Connection], T]


class DatabaseConnection:
    """A connection and its thread; jobs run one after the other. A connection that was lost is opened again.

    ``reading``: its transactions take no write lock. ``durable``: a commit is on disk when it returns; tests that open
    hundreds of databases do without.
    """

    def __init__(self, location: DatabaseLocation, *, reading: bool = False, durable: bool = True) -> None:
        self._engine = location.create_engine(reading=reading, durable=durable)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: Connection | None = None

    @classmethod
    async def open(
        cls, location: DatabaseLocation, *, reading: bool = False, durable: bool = True
    ) -> "DatabaseConnection":
        """Connect; DBAPIError if that fails."""
        connection = cls(location, reading=reading, durable=durable)
        try:
            await connection._run_in_thread(connection._connect)
        except BaseException:
            connection._thread.shutdown(wait=False)
            raise
        return connection

    async def run(self, job: Job[T]) -> T:
        """Return the result of ``job``, run in one transaction that is rolled back if it raises."""
        return await self.run_without_transaction(partial(_run_in_transaction, job))

    async def run_without_transaction(self, job: Job[T]) -> T:
        """Return the result of ``job``, which begins and ends its transactions itself."""
        return await self._run_in_thread(lambda: job(self._connect()))

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self._run_in_thread(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run_in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

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
        self._engine.dispose()


def _run_in_transaction(job: Job[T], connection: Connection) -> T:
    with connection.begin():
        return job(connection)
