"""Many at once, in one process and in several: every move has one winner."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from bot.store.models import RunState
from bot.store.runs import Runs
from bot.store.store import Store
from tests.store.processes import python
from tests.store.sample import MIA, a_run, after, run_up_to

Move = Callable[[Runs], Awaitable[bool]]

MOVES: dict[str, tuple[RunState, Move]] = {
    "sent": (RunState.RESERVED, lambda runs: runs.mark_sent("run-1", at=after(1), webhook=None)),
    "running": (RunState.SUBMITTED, lambda runs: runs.mark_running("run-1", started_at=after(1))),
    "ended": (RunState.RUNNING, lambda runs: runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))),
    "cancel": (RunState.RUNNING, lambda runs: runs.request_cancel("run-1", by_id=MIA, at=after(1))),
    "delivered": (RunState.SUCCEEDED, lambda runs: runs.mark_delivered("run-1", at=after(1))),
}


@pytest.mark.parametrize("move", MOVES)
async def test_of_many_tasks_one_makes_the_move(runs: Runs, move: str) -> None:
    state, make = MOVES[move]
    await run_up_to(runs, a_run(), state)
    assert sum(await asyncio.gather(*(make(runs) for _ in range(100)))) == 1


async def test_of_many_runs_that_found_the_same_prediction_one_has_it(runs: Runs) -> None:
    for number in range(20):
        await runs.reserve(a_run(f"run-{number}"), ())
        await runs.mark_sent(f"run-{number}", at=after(1), webhook=None)
    won = await asyncio.gather(*(runs.mark_submitted(f"run-{number}", prediction_id="p") for number in range(20)))
    assert sum(won) == 1
    assert len(await runs.find_run_ids(["p"])) == 1


async def test_of_a_cancel_and_the_request_that_leaves_one_comes_first(runs: Runs) -> None:
    for number in range(40):
        run_id = f"run-{number}"
        await runs.reserve(a_run(run_id), ())
        sent, canceled = await asyncio.gather(
            runs.mark_sent(run_id, at=after(1), webhook=None), runs.request_cancel(run_id, by_id=MIA, at=after(1))
        )
        assert canceled
        run = await runs.get(run_id)
        assert run is not None
        assert (run.sent_at is not None) == sent


async def test_of_several_processes_one_makes_each_move(store: Store, url: str) -> None:
    number_of_runs = 100
    for number in range(number_of_runs):
        await store.runs.reserve(a_run(f"run-{number}"), ())
    async with python("racer", url, str(number_of_runs)) as one, python("racer", url, str(number_of_runs)) as other:
        racers = (one, other)
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdin is not None
            assert await racer.stdout.readline() == b"ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(b"go\n")
        told = [await racer.communicate() for racer in racers]
    won = Counter(move for out, _ in told for move in json.loads(out))
    moves = ("sent", "submitted", "cancel", "ended", "delivered")
    assert won == {f"{move} run-{number}": 1 for move in moves for number in range(number_of_runs)}
