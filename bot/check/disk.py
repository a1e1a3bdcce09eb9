"""The database: whether it opens, is up to date, sound, and can be written."""

import asyncio
import shutil

from bot.check.finding import Tell, bad, good
from bot.clock import Clock
from bot.errors import ConfigError
from bot.limits import MIB
from bot.store.errors import StoreError
from bot.store.location import Location
from bot.store.store import Store

_ROOM = 500 * MIB  # output files lie beside the database until Discord has them
_KEY = "check"


async def check_database(url: str, *, clock: Clock, tell: Tell) -> Store | None:
    """Open the database beside whatever runs on it and tell how it is; None when it cannot be used."""
    try:
        store = await Store.open(url, clock=clock, own=False)
    except ConfigError as error:
        tell(bad(error.sentence))
        return None
    try:
        await store.notes.put(_KEY, "written")
        await store.notes.put(_KEY, None)
        broken = await store.damage()
        waiting = len(await store.runs.undelivered())
    except StoreError as error:
        tell(bad(f"The database opens and does not work: {error}"))
        await store.close()
        return None
    if broken is not None:
        tell(bad(f"The database is damaged ({broken}). Stop the bot and restore the newest backup."))
        await store.close()
        return None
    await _tell_place(Location.parse(url), waiting, tell)
    return store


async def _tell_place(location: Location, waiting: int, tell: Tell) -> None:
    if location.path is None:
        tell(bad("DATABASE_URL names no file: every run is forgotten when the bot stops. Name one."))
        return
    open_runs = (
        f"{waiting} run{'s wait' if waiting != 1 else ' waits'} to be picked up" if waiting else "no run is open"
    )
    tell(good(f"Database: {location} opens, is up to date, sound and can be written; {open_runs}."))
    free = (await asyncio.to_thread(shutil.disk_usage, location.folder)).free
    if free < _ROOM:
        tell(bad(f"The disk of {location.folder} has {free // MIB} MiB left. Make room: outputs pass through it."))
