"""Open a database and print the error, if any: ``python -m tests.store.open_store URL [UID]``, as that user."""

import asyncio
import os
import sys

from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.store.store import Store
from tests.store.processes import print_line


async def try_to_open(url: str) -> None:
    try:
        store = await Store.open(url, clock=SystemClock())
    except ConfigError as error:
        print_line(str(error))
    else:
        await store.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        asyncio.run(try_to_open("sqlite+aiosqlite://"))  # imports everything: the user may not be able to read Python
        os.setuid(int(sys.argv[2]))
    asyncio.run(try_to_open(sys.argv[1]))
