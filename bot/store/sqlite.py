"""SQLite: one file, opened by one bot at a time."""

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import aiosqlite
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from bot.errors import ConfigError
from bot.store.errors import StoreError
from bot.store.process_lock import ProcessLock

EXAMPLE_URL: Final = "sqlite+aiosqlite:///data/replicord.db"

_READERS = 2
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
class SqliteLocation:
    """A database file, or this process's memory (``path`` None)."""

    path: Path | None

    @classmethod
    def parse(cls, url: URL) -> "SqliteLocation":
        """Return the location of a URL; ConfigError shows a valid one."""
        if url.query or url.host or (url.database or "").startswith("file:"):
            raise ConfigError(
                f"DATABASE_URL must hold only a path: {EXAMPLE_URL} (four slashes make it an absolute path)."
            )
        if url.database in (None, "", ":memory:"):
            return cls(None)
        return cls(Path(url.database).expanduser().absolute())

    def __str__(self) -> str:
        return "memory" if self.path is None else str(self.path)

    @property
    def writers(self) -> int:
        """One: a second would only wait for its lock."""
        return 1

    @property
    def readers(self) -> int:
        """Two; none in memory, where a second connection would be a second database."""
        return 0 if self.path is None else _READERS

    @property
    def folder(self) -> Path:
        """The folder of the file."""
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

    def acquire_lock(self) -> ProcessLock | None:
        """Lock the file against other bots; ConfigError names the process that holds it."""
        return None if self.path is None else ProcessLock.acquire(self.path)

    def get_engine(self, *, reading: bool, durable: bool) -> Engine:
        """Return this process's engine, whose transactions take the write lock unless ``reading``."""
        return _create_engine(self, reading=reading, durable=durable)

    def read_size(self, connection: Connection) -> int:
        """Return the size of the database in bytes."""
        pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        page_size: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return pages * page_size

    def find_damage(self, connection: Connection) -> str | None:
        """Read the whole database and return the first fault, in SQLite's words; None if it is intact."""
        try:
            result: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except OperationalError:
            raise  # the check itself failed, which does not mean damage
        except DatabaseError as error:
            return str(error.orig)
        return None if result == "ok" else result

    def clear_log(self) -> bool:
        """Write the log (``-wal``) into the file and empty it; False if another connection reads or writes just now.

        The log has copies of the pages that ``secure_delete`` overwrites in the file. Source: SQLite, "PRAGMA
        wal_checkpoint", TRUNCATE. It waits for nobody, because the writer would wait with it.
        """
        if self.path is None:
            return True
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=0)) as connection:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not busy

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy to ``path``; an old file there is replaced only once the copy is on disk."""
        if self.path is None:
            raise StoreError("A database in memory cannot be backed up. Set DATABASE_URL to a file.")
        part = path.with_name(f"{path.name}.part")
        try:
            await asyncio.to_thread(_create_part, part)
            async with aiosqlite.connect(self.path) as source, aiosqlite.connect(part) as target:
                await source.backup(target)
            await asyncio.to_thread(_replace, part, path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The backup {path} cannot be written: {error}. Choose another place, or free some space."
            ) from error
        finally:
            await asyncio.to_thread(_delete_part, part)

    def connect(self, pragmas: tuple[str, ...]) -> sqlite3.Connection:
        """Return a new connection of the driver, in which nothing begins a transaction by itself."""
        # isolation_level None: Python's sqlite3 begins no transactions; the listeners below do. The garbage collector
        # may finalize the connection in any thread.
        path = ":memory:" if self.path is None else str(self.path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection


@lru_cache(16)  # a process has one database, or two while data moves
def _create_engine(location: SqliteLocation, *, reading: bool, durable: bool) -> Engine:
    pragmas = _PRAGMAS if durable else (*_PRAGMAS, _NOT_DURABLE)
    engine = create_engine(
        "sqlite://",
        creator=lambda: location.connect(pragmas),
        poolclass=NullPool,  # a connection is its user's until it closes it
        hide_parameters=True,  # they are prompts and tokens, and an error's text is logged
    )
    event.listen(engine, "begin", _begin_reading if reading else _begin_writing)
    return engine


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _create_part(part: Path) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # the copy holds the same prompts and tokens as the database


def _replace(part: Path, path: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def _delete_part(part: Path) -> None:
    with contextlib.suppress(OSError):  # the folder itself may be the problem
        part.unlink(missing_ok=True)
