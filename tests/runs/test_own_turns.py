"""With RUNS_OVER_LIMIT=wait, a run over the limit waits for its author's own runs: in order, on disk, for free."""

from collections.abc import AsyncIterator

import pytest

from bot.backends.prediction import Status
from bot.limits import RUNS_WAITING_PER_USER
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import Phase
from bot.store.errors import QuotaExceeded
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, OTHER, Environment


@pytest.fixture
async def waiting(created_url: str) -> AsyncIterator[Environment]:
    environment = await Environment.open(created_url, active_per_user=1, waits_for_own=True)
    yield environment
    await environment.close()


async def start_three(env: Environment) -> list[Run]:
    runs = []
    for _ in range(3):
        runs.append(await env.start())
        await env.clock.advance(0.01)
    return runs


async def end_newest(env: Environment) -> None:
    list(env.replicate.by_id.values())[-1].end(Status.SUCCEEDED, env.clock.now(), output=[])
    await env.clock.advance(3)


def places(env: Environment, runs: list[Run]) -> list[int | None]:
    return [env.snapshot(run).progress.own_position for run in runs]


async def test_runs_wait_in_order_and_show_their_place(waiting: Environment) -> None:
    runs = await start_three(waiting)
    assert places(waiting, runs) == [None, 1, 2]
    assert waiting.snapshot(runs[2]).progress.phase is Phase.QUEUED
    assert len(waiting.replicate.creates) == 1
    await end_newest(waiting)
    assert places(waiting, runs[1:]) == [None, 1]
    assert len(waiting.replicate.creates) == 2
    await end_newest(waiting)
    await end_newest(waiting)
    states = [(await waiting.row(run)).state for run in runs]
    assert states == [RunState.SUCCEEDED] * 3


async def test_others_do_not_wait(waiting: Environment) -> None:
    await waiting.start()
    await waiting.start(author_id=OTHER)
    assert len(waiting.replicate.creates) == 2


async def test_a_waiting_run_is_stopped_for_free(waiting: Environment) -> None:
    runs = await start_three(waiting)
    assert await waiting.engine.cancel(runs[1].id, by=AUTHOR) is CancelResult.REQUESTED
    await waiting.clock.advance(1)
    row = await waiting.row(runs[1])
    assert (row.state, row.sent_at, row.cost) == (RunState.CANCELED, None, 0)
    assert places(waiting, runs[2:]) == [1]
    assert len(waiting.replicate.creates) == 1


async def test_waiting_survives_restarts_of_any_length(waiting: Environment) -> None:
    runs = await start_three(waiting)
    await waiting.kill()
    await waiting.clock.advance(7200)  # longer than a run that was never sent may be late otherwise
    await waiting.restart()
    assert (await waiting.row(runs[1])).state is RunState.RESERVED
    await end_newest(waiting)
    assert (await waiting.row(runs[1])).state is RunState.SUBMITTED
    assert (await waiting.row(runs[2])).state is RunState.RESERVED


async def test_an_end_in_another_process_is_noticed(waiting: Environment) -> None:
    runs = await start_three(waiting)
    await waiting.store.runs.mark_ended(runs[0].id, state=RunState.FAILED, at=waiting.clock.now())
    await waiting.clock.advance(6)
    assert (await waiting.row(runs[1])).state is RunState.SUBMITTED


async def test_only_so_many_runs_wait(waiting: Environment) -> None:
    for _ in range(1 + RUNS_WAITING_PER_USER):
        await waiting.start()
    with pytest.raises(QuotaExceeded):
        await waiting.start()
