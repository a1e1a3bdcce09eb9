"""Write runs until killed: ``python -m tests.store.write_until_killed URL``. Prints each change once it is stored."""

import asyncio
import sys
from itertools import count

from bot.clock import SystemClock
from bot.store.models import RunState
from bot.store.store import Store
from tests.store.processes import print_line
from tests.store.samples import PNG, make_run


async def write(url: str) -> None:
    clock = SystemClock()
    store = await Store.open(url, clock=clock)
    numbers = count()

    async def write_runs() -> None:
        for number in numbers:
            run = make_run(f"run-{number}", created_at=clock.now())
            await store.runs.reserve(run, (PNG, PNG))
            print_line("reserved", run.id)
            await store.runs.mark_sent(run.id, at=clock.now())
            print_line("sent", run.id)
            await store.runs.mark_submitted(run.id, prediction_id=f"p{number}")
            await store.runs.mark_ended(run.id, state=RunState.FAILED, at=clock.now())
            print_line("ended", run.id)
            await store.runs.mark_delivered(run.id, at=clock.now())

    await asyncio.gather(*(write_runs() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
