"""Lane: threads with a database connection each, which take jobs from one queue.

A job is a plain function of a connection. It runs inside a transaction, as a whole or not at all, in the lane's own
thread: one hop to the thread and back for a whole transaction, where an async driver makes four for each statement.
(Measured: 75 to 150 µs of CPU for a move, against 440 to 1,100 µs through aiosqlite.)
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import StatementError

from bot.store.errors import StoreError, explain

T = TypeVar("T")
Job = Callable[[Connection], T]

# How many jobs share one transaction at most: their callers wait for the whole.
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class _Asked:
    job: Job[Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    asked: _Asked
    value: Any = None
    error: Exception | None = None


class Lane:
    """Does jobs in the order in which they were asked for, as many at once as it has connections.

    ``together``: jobs that wait at the same moment share one transaction and one flush to the disk. When one of them
    raises, none of it is kept and each is done again alone; so a job may run twice, and must touch nothing but the
    database.
    """

    def __init__(self, connections: Sequence[Connection], *, name: str, together: bool = False) -> None:
        self._most = TOGETHER if together else 1
        self._loop = asyncio.get_running_loop()
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(connection,), name=f"{name}-{number}", daemon=True)
            for number, connection in enumerate(connections)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, job: Job[T]) -> T:
        """Return what ``job`` returned, once it is committed; raise what it raised, or StoreError.

        A job whose caller is cancelled before its turn is left out; cancelled later, the caller does not know.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._asked.put(_Asked(job, answer))
        return await answer

    async def close(self) -> None:
        """Do what was asked for, then close the connections; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._asked.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _work(self, connection: Connection) -> None:
        with connection:
            while waiting := self._next():
                done = _perform(connection, waiting)
                with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everyone who asked
                    self._loop.call_soon_threadsafe(_answer, done)

    def _next(self) -> list[_Asked]:
        """Wait for a job and return it with those behind it; nothing when the lane is closed."""
        waiting: list[_Asked] = []
        with contextlib.suppress(queue.Empty):
            while len(waiting) < self._most:
                asked = self._asked.get(block=not waiting)
                if asked is None:
                    self._asked.put(None)  # for the next call, and for the other threads
                    break
                if not asked.answer.cancelled():
                    waiting.append(asked)
        return waiting


def _perform(connection: Connection, waiting: list[_Asked]) -> list[_Done]:
    """Do the jobs in one transaction; if that fails, each in one of its own."""
    begun = False
    try:
        with connection.begin():
            begun = True
            return [_Done(asked, value=asked.job(connection)) for asked in waiting]
    except Exception as error:  # noqa: BLE001 (it belongs to the caller, who awaits it)
        if begun and len(waiting) > 1:
            return [done for asked in waiting for done in _perform(connection, [asked])]
        # It could not even begin: another program holds the database, and would make each of them wait anew.
        return [_Done(asked, error=_failure(error)) for asked in waiting]


def _failure(error: Exception) -> Exception:
    if not isinstance(error, StatementError):
        return error
    failure = StoreError(explain(error))
    failure.__cause__ = error
    return failure


def _answer(done: list[_Done]) -> None:
    for one in done:
        if one.asked.answer.done():
            continue  # its caller was cancelled
        if one.error is not None:
            one.asked.answer.set_exception(one.error)
        else:
            one.asked.answer.set_result(one.value)
