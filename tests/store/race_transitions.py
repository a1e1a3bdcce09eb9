"""Make transitions on a shared database: ``python -m tests.store.race_transitions URL RUNS``.

Prints "ready", waits for a line, then tries to send, submit, cancel, end and deliver every run, and prints which of
these it made.
"""

import asyncio
import json
import sys

from bot.clock import SystemClock
from bot.store.models import RunState
from bot.store.store import Store
from tests.store.processes import print_line


async def race(url: str, runs: int) -> list[str]:
    clock = SystemClock()
    store = await Store.open(url, clock=clock, exclusive=False)
    print_line("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def change(number: int) -> list[str]:
        run_id = f"run-{number}"
        now = clock.now()
        results = [
            ("sent", await store.runs.mark_sent(run_id, at=now)),
            ("submitted", await store.runs.mark_submitted(run_id, prediction_id=f"p{number}")),
            ("cancel", await store.runs.request_cancel(run_id, by_id=1, at=now)),
            ("ended", await store.runs.mark_ended(run_id, state=RunState.CANCELED, at=now)),
            ("delivered", await store.runs.mark_delivered(run_id, at=now)),
        ]
        return [f"{transition} {run_id}" for transition, made in results if made]

    made = await asyncio.gather(*(change(number) for number in range(runs)))
    await store.close()
    return [transition for transitions in made for transition in transitions]


if __name__ == "__main__":
    print_line(json.dumps(asyncio.run(race(sys.argv[1], int(sys.argv[2])))))
