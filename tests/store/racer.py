"""A second process that makes moves on a database: ``python racer.py URL FOLDER``.

It says "ready", waits for a line, then tries to send, end, cancel and deliver every run, and prints what it won.
"""

import asyncio
import json
import sys

from bot.clock import SystemClock
from bot.store.models import RunState
from bot.store.store import Store
from tests.store.processes import say


async def race(url: str, runs: int) -> list[str]:
    clock = SystemClock()
    store = await Store.open(url, clock=clock, exclusive=False)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def one(number: int) -> list[str]:
        run_id = f"run-{number}"
        now = clock.now()
        won = [
            ("sent", await store.runs.mark_sent(run_id, at=now, webhook=None)),
            ("submitted", await store.runs.mark_submitted(run_id, prediction_id=f"p{number}")),
            ("cancel", await store.runs.request_cancel(run_id, by_id=1, at=now)),
            ("ended", await store.runs.mark_ended(run_id, state=RunState.CANCELED, at=now)),
            ("delivered", await store.runs.mark_delivered(run_id, at=now)),
        ]
        return [f"{move} {run_id}" for move, mine in won if mine]

    won = await asyncio.gather(*(one(number) for number in range(runs)))
    await store.close()
    return [move for moves in won for move in moves]


if __name__ == "__main__":
    say(json.dumps(asyncio.run(race(sys.argv[1], int(sys.argv[2])))))
