"""Concurrent transitions, in one process and in several, have one winner each."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from bot.store.models import RunState
from bot.store.runs import Runs
from bot.store.store import Store
from tests.store.processes import run_script
from tests.store.samples import MIA, after, make_run, store_run_in_state

Transition = Callable[[Runs], Awaitable[bool]]

TRANSITIONS: dict[str, tuple[RunState, Transition]] = {
    "sent": (RunState.RESERVED, lambda runs: runs.mark_sent("run-1", at=after(1), webhook=None)),
    "running": (RunState.SUBMITTED, lambda runs: runs.mark_running("run-1", started_at=after(1))),
    "ended": (RunState.RUNNING, lambda runs: runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))),
    "cancel": (RunState.RUNNING, lambda runs: runs.request_cancel("run-1", by_id=MIA, at=after(1))),
    "delivered": (RunState.SUCCEEDED, lambda runs: runs.mark_delivered("run-1", at=after(1))),
}


@pytest.mark.parametrize("name", TRANSITIONS)
async def test_one_of_many_tasks_makes_the_transition(runs: Runs, name: str) -> None:
    state, make = TRANSITIONS[name]
    await store_run_in_state(runs, make_run(), state)
    assert sum(await asyncio.gather(*(make(runs) for _ in range(100)))) == 1


async def test_one_of_many_runs_gets_the_prediction(runs: Runs) -> None:
    for number in range(20):
        await runs.reserve(make_run(f"run-{number}"), ())
        await runs.mark_sent(f"run-{number}", at=after(1), webhook=None)
    made = await asyncio.gather(*(runs.mark_submitted(f"run-{number}", prediction_id="p") for number in range(20)))
    assert sum(made) == 1
    assert len(await runs.find_run_ids(["p"])) == 1


async def test_cancel_and_send_are_ordered(runs: Runs) -> None:
    for number in range(40):
        run_id = f"run-{number}"
        await runs.reserve(make_run(run_id), ())
        sent, canceled = await asyncio.gather(
            runs.mark_sent(run_id, at=after(1), webhook=None), runs.request_cancel(run_id, by_id=MIA, at=after(1))
        )
        assert canceled
        run = await runs.get(run_id)
        assert run is not None
        assert (run.sent_at is not None) == sent


async def test_one_of_two_processes_makes_each_transition(store: Store, created_url: str) -> None:
    number_of_runs = 100
    await asyncio.gather(*(store.runs.reserve(make_run(f"run-{number}"), ()) for number in range(number_of_runs)))
    arguments = (created_url, str(number_of_runs))
    async with run_script("race_transitions", *arguments) as one, run_script("race_transitions", *arguments) as other:
        processes = (one, other)
        for process in processes:
            assert process.stdout is not None
            assert process.stdin is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        outputs = [await process.communicate() for process in processes]
    made = Counter(transition for output, _ in outputs for transition in json.loads(output))
    names = ("sent", "submitted", "cancel", "ended", "delivered")
    assert made == {f"{name} run-{number}": 1 for name in names for number in range(number_of_runs)}
