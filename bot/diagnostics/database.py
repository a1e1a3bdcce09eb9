"""Check that the database opens, is up to date and intact, and can be written."""

import asyncio
import shutil
from pathlib import Path

from bot.clock import Clock
from bot.diagnostics.result import Report, failed, passed
from bot.errors import ConfigError
from bot.formatting import format_count, format_size
from bot.limits import MIB
from bot.store.errors import StoreError
from bot.store.location import DatabaseLocation, parse_location
from bot.store.sqlite import SqliteLocation
from bot.store.store import Store

_MIN_FREE = 500 * MIB  # output files are kept beside the database until Discord has them
_KEY = "check"


async def check_database(url: str, *, spool: Path | None, clock: Clock, report: Report) -> Store | None:
    """Open the database, beside a running bot if there is one; None if it cannot be used.

    ``spool`` is the folder of output files, if it is not the one beside the database.
    """
    try:
        store = await Store.open(url, clock=clock, exclusive=False)
    except ConfigError as error:
        report(failed(error.sentence))
        return None
    try:
        await store.key_value.put(_KEY, "written")
        await store.key_value.put(_KEY, None)
        damage = await store.find_damage()
        open_runs = len(await store.runs.list_undelivered())
    except StoreError as error:
        report(failed(f"The database opens but does not work: {error}"))
        await store.close()
        return None
    if damage is not None:
        report(failed(f"The database is damaged ({damage}). Stop the bot and restore the latest backup."))
        await store.close()
        return None
    location = parse_location(url)
    _check_location(location, open_runs, report)
    await asyncio.to_thread(_check_space, spool or location.folder, report)
    return store


def _check_location(location: DatabaseLocation, open_runs: int, report: Report) -> None:
    if isinstance(location, SqliteLocation) and location.path is None:
        report(failed("DATABASE_URL has no file, so all runs are lost when the bot stops. Set it to a file."))
        return
    runs = f"{format_count(open_runs, 'run')} to resume" if open_runs else "no open runs"
    report(passed(f"Database {location} is up to date, intact and writable ({runs})."))


def _check_space(folder: Path, report: Report) -> None:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < _MIN_FREE:
        report(
            failed(
                f"Only {format_size(free)} are free on the disk of {folder}. "
                "Free some space: output files are stored there until Discord has them."
            )
        )
