"""Lane: database connections that take jobs from one queue.

A job is a plain function of a connection. It runs inside a transaction, as a whole or not at all, in the connection's
own thread; the loop goes on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import StatementError

from bot.store.errors import StoreError, explain
from bot.store.session import Job, Session

T = TypeVar("T")

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

    def __init__(self, sessions: Sequence[Session], *, name: str, together: bool = False) -> None:
        self._most = TOGETHER if together else 1
        self._asked: asyncio.Queue[_Asked | None] = asyncio.Queue()
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
        self._asked.put_nowait(_Asked(job, answer))
        return await answer

    async def close(self) -> None:
        """Do what was asked for, then close the connections; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._asked.put_nowait(None)
        await asyncio.gather(*self._workers)

    async def _work(self, session: Session) -> None:
        try:
            while waiting := await self._next():
                _answer(await _perform(session, waiting))
        finally:
            await session.close()

    async def _next(self) -> list[_Asked]:
        """Wait for a job and return it with those behind it; nothing when the lane is closed."""
        waiting: list[_Asked] = []
        while len(waiting) < self._most and not (waiting and self._asked.empty()):
            asked = await self._asked.get()
            if asked is None:
                self._asked.put_nowait(None)  # for the next call, and for the other workers
                break
            if not asked.answer.cancelled():
                waiting.append(asked)
        return waiting


async def _perform(session: Session, waiting: list[_Asked]) -> list[_Done]:
    """Do the jobs in one transaction; if that fails, each in one of its own."""
    begun = False

    def do_all(connection: Connection) -> list[_Done]:
        nonlocal begun
        begun = True
        return [_Done(asked, value=asked.job(connection)) for asked in waiting]

    try:
        return await session.do(do_all)
    except Exception as error:  # noqa: BLE001 (it belongs to the caller, who awaits it)
        if begun and len(waiting) > 1:
            return [done for asked in waiting for done in await _perform(session, [asked])]
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
