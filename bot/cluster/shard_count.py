"""How many shards the processes of one bot divide."""

import re

import structlog

from bot.clock import Clock
from bot.store.errors import StoreError
from bot.store.leases import Leases

log = structlog.get_logger(__name__)

_ASK_AGAIN = 1.0  # seconds, while the database cannot be reached


async def agree_on_shards(leases: Leases, wanted: int, *, clock: Clock) -> int:
    """Return the number that the processes that live use already, else ``wanted``.

    A shard of four is another one than a shard of two: with both, some servers would be served twice and others by
    nobody. So another number takes effect once every process has stopped.
    """
    while True:
        try:
            held = await leases.list_held()
        except StoreError as error:
            log.warning("shards_unknown", error=str(error))
            await clock.sleep(_ASK_AGAIN)
            continue
        counts = {int(match[1]) for name in held if (match := re.fullmatch(r"shard:[0-9]+/([0-9]+)", name))}
        if counts and counts != {wanted}:
            log.warning("shards_of_other_processes", wanted=wanted, used=max(counts))
        return max(counts, default=wanted)
