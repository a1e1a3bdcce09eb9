"""A bot that only writes, to be killed: ``python victim.py URL``. It prints each thing once the store has it."""

import asyncio
import sys
from itertools import count

from bot.clock import SystemClock
from bot.store.models import RunState
from bot.store.store import Store
from tests.store.processes import say
from tests.store.sample import PNG, a_run


async def write_on(url: str) -> None:
    clock = SystemClock()
    store = await Store.open(url, clock=clock)
    numbers = count()

    async def lives() -> None:
        for number in numbers:
            run = a_run(f"run-{number}", created_at=clock.now())
            await store.runs.reserve(run, (PNG, PNG), active_limit=None, daily_limit=None)
            say("reserved", run.id)
            await store.runs.mark_sent(run.id, at=clock.now(), webhook=None)
            say("sent", run.id)
            await store.runs.mark_submitted(run.id, prediction_id=f"p{number}")
            await store.runs.mark_ended(run.id, state=RunState.FAILED, at=clock.now())
            say("ended", run.id)
            await store.runs.mark_delivered(run.id, at=clock.now())

    await asyncio.gather(*(lives() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(write_on(sys.argv[1]))
