"""Backup: a copy of the whole database as it was at one moment, made while it is in use."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

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
