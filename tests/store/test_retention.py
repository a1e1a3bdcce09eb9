"""Letting go of what was kept long enough, and of nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.store.errors import QuotaExceeded
from bot.store.models import RunState
from bot.store.retention import ExpiredCounts
from bot.store.runs import Runs
from tests.store.sample import PNG, a_run, after, run_up_to

HOUR = timedelta(hours=1)


async def test_words_go_and_the_row_stays_with_how_it_went(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert before is not None
    assert await runs.delete_expired(after(3600), prompts_for=HOUR) == ExpiredCounts(prompts=1)
    assert await runs.get("run-1") == replace(
        before, input={}, prompt=None, summary="", notes=(), output_schema={}, output=None, forgotten_at=after(3600)
    )
    assert await runs.delete_expired(after(7200), prompts_for=HOUR) == ExpiredCounts()


async def test_files_go_and_the_row_stays(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(3600), files_for=HOUR) == ExpiredCounts(files=1)
    assert await runs.load_files("run-1") == ()
    assert await runs.get("run-1") == before


async def test_rows_go_with_all_that_hangs_on_them(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED, delivered=True)
    await runs.mark_message_sent("run-1", 1, 71)
    assert await runs.delete_expired(after(3600), runs_for=HOUR, files_for=HOUR, prompts_for=HOUR) == ExpiredCounts(
        runs=1
    )
    assert await runs.get("run-1") is None
    assert await runs.find_by_message(71) is None
    assert await runs.load_files("run-1") == ()


async def test_pruning_does_not_refill_the_day(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED, delivered=True)
    assert await runs.delete_expired(after(3600), runs_for=HOUR) == ExpiredCounts(runs=1)
    with pytest.raises(QuotaExceeded):
        await runs.reserve(a_run("next", created_at=after(3600)), (), daily_limit=1)


async def test_what_is_younger_stays_and_so_does_everything_without_a_span(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(3599), prompts_for=HOUR, files_for=HOUR, runs_for=HOUR) == ExpiredCounts()
    assert await runs.delete_expired(after(10**9)) == ExpiredCounts()
    assert await runs.get("run-1") == before
    assert await runs.load_files("run-1") == (PNG,)


@pytest.mark.parametrize("state", list(RunState))
async def test_what_is_not_delivered_is_never_touched(runs: Runs, state: RunState) -> None:
    await run_up_to(runs, a_run(), state)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(10**9), prompts_for=HOUR, files_for=HOUR, runs_for=HOUR) == ExpiredCounts()
    assert await runs.get("run-1") == before
    assert await runs.load_files("run-1") == (PNG,)


async def test_more_than_a_batch_goes_in_one_call(runs: Runs) -> None:
    for number in range(450):
        await runs.reserve(a_run(f"run-{number}"), (PNG,) if number < 45 else ())
        await runs.mark_ended(f"run-{number}", state=RunState.CANCELED, at=after(0))
        await runs.mark_delivered(f"run-{number}", at=after(0))
    assert await runs.delete_expired(after(3600), prompts_for=HOUR, files_for=HOUR) == ExpiredCounts(
        prompts=450, files=45
    )
    assert await runs.delete_expired(after(3600), runs_for=HOUR) == ExpiredCounts(runs=450)
