"""Fresh databases for tests, without migrating each."""

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.store.store import Store

FILE_NAME = "replicord.db"

# A test that uses a database runs on both kinds, unless it has one of these marks.
sqlite_only = pytest.mark.backends("sqlite")
postgresql_only = pytest.mark.backends("postgresql")


def database_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/{FILE_NAME}"


def create_database(folder: Path) -> str:
    """Write a migrated database without rows into the folder and return its URL."""
    (folder / FILE_NAME).write_bytes(empty_database())
    return database_url(folder)


def empty_folder() -> Path:
    """Return this process's folder for a database, with nothing in it: for one test after the other.

    The bot keeps what it compiled for a database, by its URL, as long as the process lives; a test whose database has
    the place of the last one's need not compile all its statements anew.
    """
    folder = _create_folder()
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return folder


@cache
def _create_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="replicord-database-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def empty_database() -> bytes:
    """Return the file of a migrated database without rows. Not for use inside a running event loop."""
    with tempfile.TemporaryDirectory() as folder:

        async def create() -> None:
            store = await Store.open(database_url(Path(folder)), clock=SystemClock())
            await store.close()

        asyncio.run(create())
        return Path(folder, FILE_NAME).read_bytes()
