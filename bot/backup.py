"""The backup command: copy the database, also while the bot runs. It needs no tokens."""

import asyncio
import sys
from pathlib import Path

from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.formatting import format_size
from bot.settings import DatabaseSettings
from bot.store.errors import StoreError
from bot.store.location import parse_location
from bot.store.sqlite import SqliteLocation
from bot.store.store import Store


async def back_up(path: Path) -> int:
    """Write a consistent copy of the database to ``path`` and return 0; ConfigError if that fails."""
    url = DatabaseSettings.load().database_url
    location = parse_location(url)
    if isinstance(location, SqliteLocation):
        if location.path is None or not await asyncio.to_thread(location.path.exists):
            raise ConfigError(f"There is no database at {location}. Start the bot once, or correct DATABASE_URL.")
        await asyncio.to_thread(_check_target, path, location.path)
    store = await Store.open(url, clock=SystemClock(), exclusive=False)
    try:
        await store.back_up(path)
    except StoreError as error:
        raise ConfigError(str(error)) from error
    finally:
        await store.close()
    size = (await asyncio.to_thread(path.stat)).st_size
    sys.stdout.write(f"Copied {location} to {path} ({format_size(size)}).\n")
    return 0


def _check_target(target: Path, database: Path) -> None:
    """Refuse to replace the database that is copied, a file that SQLite keeps beside it, or what is not a file."""
    own = {database.resolve().with_name(f"{database.name}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")}
    if target.resolve() in own:
        raise ConfigError(f"{target} belongs to the database itself. Choose another file.")
    if target.exists() and not target.is_file():
        raise ConfigError(f"{target} is not a regular file. Choose another file.")
