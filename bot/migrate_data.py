"""The migrate-data command: copy a bot's database into another one, of any kind, while the bot is stopped."""

import asyncio
import sys

from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.formatting import format_count
from bot.store.errors import StoreError
from bot.store.location import parse_location
from bot.store.sqlite import SqliteLocation
from bot.store.store import Store
from bot.store.transfer import copy_database


async def migrate_data(source_url: str, target_url: str) -> int:
    """Copy all rows from one database to the other, compare them, and return 0; ConfigError if that fails.

    Both are opened as the bot opens them, so neither may be in use, and both have today's tables afterwards.
    """
    source, target = parse_location(source_url), parse_location(target_url)
    if source == target:
        raise ConfigError("The source and the target are the same database.")
    if isinstance(source, SqliteLocation) and (source.path is None or not await asyncio.to_thread(source.path.exists)):
        raise ConfigError(f"There is no database at {source}.")
    clock = SystemClock()
    if isinstance(target, SqliteLocation) and target.path is None:
        raise ConfigError("The target is this process's memory. Name a file, or a PostgreSQL database.")
    # Both stay open, so that no bot starts on an SQLite file meanwhile; the copy itself keeps it from PostgreSQL.
    source_store = await Store.open(source_url, clock=clock)
    try:
        target_store = await Store.open(target_url, clock=clock)
        try:
            counts = await asyncio.to_thread(copy_database, source, target)
        except StoreError as error:
            raise ConfigError(f"The copy failed, and the target is still empty: {error}") from error
        finally:
            await target_store.close()
    finally:
        await source_store.close()
    sys.stdout.write("".join(f"{table}: {format_count(count, 'row')}\n" for table, count in counts.items()))
    sys.stdout.write(f"Copied {source} to {target}. Set DATABASE_URL to the target before you start the bot.\n")
    return 0
