"""Session: one connection to the database, on a thread of its own, that does whole jobs.

aiosqlite gives every statement to the connection's thread and its answer back to the loop: a transaction of one
statement is seven such turns, and each waits for the loop. A bot that is busy with a thousand streams then writes one
row in seconds. So a job, with the transaction around it, is one turn: SQLAlchemy speaks to the driver's connection in
the driver's thread, and the loop hears of the whole.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from bot.store.location import Location

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


class Session:
    """One connection; its jobs are done one after the other. ``reading``: its transactions take no lock."""

    def __init__(self, location: Location, *, reading: bool = False) -> None:
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
    async def open(cls, location: Location, *, reading: bool = False) -> "Session":
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
