"""Back up a database that is in use, and check its integrity."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

import aiosqlite
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from bot.store.database import DatabaseLocation
from bot.store.errors import StoreError


async def back_up(location: DatabaseLocation, path: Path) -> None:
    """Write a consistent copy to ``path``; an old file there is replaced only once the copy is complete and on disk."""
    if location.path is None:
        raise StoreError("A database in memory cannot be backed up. Set DATABASE_URL to a file.")
    part = path.with_name(f"{path.name}.part")
    try:
        await asyncio.to_thread(_create_part, part)
        async with aiosqlite.connect(location.path) as source, aiosqlite.connect(part) as target:
            await source.backup(target)
        await asyncio.to_thread(_replace, part, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The backup {path} cannot be written: {error}. Choose another place, or free some space."
        ) from error
    finally:
        await asyncio.to_thread(_delete_part, part)


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


def read_size(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    page_size: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return pages * page_size


def find_damage(connection: Connection) -> str | None:
    """Read the whole database and return the first fault, in SQLite's words; None if it is intact."""
    try:
        result: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    except OperationalError:
        raise  # the check itself failed, which does not mean damage
    except DatabaseError as error:
        return str(error.orig)
    return None if result == "ok" else result
