"""Fresh databases for tests, without migrating each."""

import asyncio
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


@cache
def empty_database() -> bytes:
    """Return the file of a migrated database without rows. Not for use inside a running event loop."""
    with tempfile.TemporaryDirectory() as folder:

        async def create() -> None:
            store = await Store.open(database_url(Path(folder)), clock=SystemClock())
            await store.close()

        asyncio.run(create())
        return Path(folder, FILE_NAME).read_bytes()
