"""Back up a database that is in use, and check its integrity."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from bot.store.database import Database
from bot.store.errors import StoreError


async def backup(database: Database, path: Path) -> None:
    """Write the copy to ``path``; what stood there is replaced only when the copy is complete and on disk."""
    part = path.with_name(f"{path.name}.part")
    try:
        await asyncio.to_thread(_prepare, part)
        await database.copy(part)
        await asyncio.to_thread(_settle, part, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The backup {path} cannot be written: {error}. Name another place, or make room.") from error
    finally:
        await asyncio.to_thread(_clear, part)


def _prepare(part: Path) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # it holds what the database holds; VACUUM INTO takes an empty file


def _clear(part: Path) -> None:
    with contextlib.suppress(OSError):  # the folder itself may be what is wrong
        part.unlink(missing_ok=True)


def _settle(part: Path, path: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def size(connection: Connection) -> int:
    """Return how many bytes the database has."""
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    page: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return pages * page


def damage(connection: Connection) -> str | None:
    """Read the whole database and return the first thing that is broken, in SQLite's words; None when it is sound."""
    try:
        found: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    except OperationalError:
        raise  # it could not be looked at, which is not the same as broken
    except DatabaseError as error:
        return str(error.orig)
    return None if found == "ok" else found
