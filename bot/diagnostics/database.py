"""The database: whether it opens, is up to date, sound, and can be written."""

import asyncio
import shutil

from bot.clock import Clock
from bot.diagnostics.result import Report, failed, ok
from bot.errors import ConfigError
from bot.formatting import format_size
from bot.limits import MIB
from bot.store.database import DatabaseLocation
from bot.store.errors import StoreError
from bot.store.store import Store

_ROOM = 500 * MIB  # output files lie beside the database until Discord has them
_KEY = "check"


async def check_database(url: str, *, clock: Clock, tell: Report) -> Store | None:
    """Open the database beside whatever runs on it and tell how it is; None when it cannot be used."""
    try:
        store = await Store.open(url, clock=clock, exclusive=False)
    except ConfigError as error:
        tell(failed(error.sentence))
        return None
    try:
        await store.key_value.put(_KEY, "written")
        await store.key_value.put(_KEY, None)
        broken = await store.find_damage()
        waiting = len(await store.runs.list_undelivered())
    except StoreError as error:
        tell(failed(f"The database opens and does not work: {error}"))
        await store.close()
        return None
    if broken is not None:
        tell(failed(f"The database is damaged ({broken}). Stop the bot and restore the newest backup."))
        await store.close()
        return None
    await _tell_place(DatabaseLocation.parse(url), waiting, tell)
    return store


async def _tell_place(location: DatabaseLocation, waiting: int, tell: Report) -> None:
    if location.path is None:
        tell(failed("DATABASE_URL names no file: every run is forgotten when the bot stops. Name one."))
        return
    open_runs = (
        f"{waiting} run{'s wait' if waiting != 1 else ' waits'} to be picked up" if waiting else "no run is open"
    )
    tell(ok(f"Database: {location} opens, is up to date, sound and can be written; {open_runs}."))
    free = (await asyncio.to_thread(shutil.disk_usage, location.folder)).free
    if free < _ROOM:
        tell(failed(f"The disk of {location.folder} has {format_size(free)} left. Make room: outputs pass through it."))
