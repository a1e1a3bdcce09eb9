"""Opens a database and prints what it is told: ``python opener.py URL [USER]``, as that user."""

import asyncio
import os
import sys

from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.store.store import Store
from tests.store.processes import say


async def try_to_open(url: str) -> None:
    try:
        store = await Store.open(url, clock=SystemClock())
    except ConfigError as error:
        say(str(error))
    else:
        await store.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asyncio.run(try_to_open("sqlite+aiosqlite://"))  # imports all there is: the user may not be let into Python
        os.setuid(int(sys.argv[2]))
    asyncio.run(try_to_open(sys.argv[1]))
