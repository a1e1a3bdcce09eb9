"""Expired data is deleted, and nothing else."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.store.errors import QuotaExceeded
from bot.store.models import RunState
from bot.store.quota import RunLimits
from bot.store.retention import ExpiredCounts
from bot.store.runs import Runs
from tests.store.samples import PNG, after, cancel_and_deliver, load_files, make_run, store_run_in_state

HOUR = timedelta(hours=1)


async def test_expired_content_is_cleared_and_the_row_kept(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert before is not None
    assert await runs.delete_expired(after(3600), prompts_for=HOUR) == ExpiredCounts(prompts=1)
    assert await runs.get("run-1") == replace(
        before, input={}, prompt=None, summary="", notes=(), output_schema={}, output=None, forgotten_at=after(3600)
    )
    assert await runs.delete_expired(after(7200), prompts_for=HOUR) == ExpiredCounts()


async def test_expired_files_are_deleted_and_the_row_kept(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(3600), files_for=HOUR) == ExpiredCounts(files=1)
    assert await load_files(runs, "run-1") == ()
    assert await runs.get("run-1") == before


async def test_expired_rows_are_deleted_with_files_and_messages(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED, delivered=True)
    await runs.mark_message_sent("run-1", 1, 71)
    assert await runs.delete_expired(after(3600), runs_for=HOUR, files_for=HOUR, prompts_for=HOUR) == ExpiredCounts(
        runs=1
    )
    assert await runs.get("run-1") is None
    assert await runs.find_by_message(71) is None
    assert await load_files(runs, "run-1") == ()


async def test_retention_does_not_reset_the_day(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED, delivered=True)
    assert await runs.delete_expired(after(3600), runs_for=HOUR) == ExpiredCounts(runs=1)
    with pytest.raises(QuotaExceeded):
        await runs.reserve(make_run("next", created_at=after(3600)), (), RunLimits(per_day=1))


async def test_younger_data_and_unlimited_periods_are_kept(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED, delivered=True)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(3599), prompts_for=HOUR, files_for=HOUR, runs_for=HOUR) == ExpiredCounts()
    assert await runs.delete_expired(after(10**9)) == ExpiredCounts()
    assert await runs.get("run-1") == before
    assert await load_files(runs, "run-1") == (PNG,)


@pytest.mark.parametrize("state", list(RunState))
async def test_undelivered_runs_are_never_changed(runs: Runs, state: RunState) -> None:
    await store_run_in_state(runs, make_run(), state)
    before = await runs.get("run-1")
    assert await runs.delete_expired(after(10**9), prompts_for=HOUR, files_for=HOUR, runs_for=HOUR) == ExpiredCounts()
    assert await runs.get("run-1") == before
    assert await load_files(runs, "run-1") == (PNG,)


async def test_several_batches_are_deleted_in_one_call(runs: Runs) -> None:
    await asyncio.gather(*(runs.reserve(make_run(f"run-{n}"), (PNG,) if n < 45 else ()) for n in range(450)))
    await asyncio.gather(*(cancel_and_deliver(runs, f"run-{number}", at=after(0)) for number in range(450)))
    assert await runs.delete_expired(after(3600), prompts_for=HOUR, files_for=HOUR) == ExpiredCounts(
        prompts=450, files=45
    )
    assert await runs.delete_expired(after(3600), runs_for=HOUR) == ExpiredCounts(runs=450)
