"""Limits on active runs and runs in 24 hours."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import RunState
from bot.store.quota import NO_LIMITS, RunLimits, ServerQuota
from bot.store.runs import Runs
from tests.clock import VirtualClock
from tests.store.samples import BOB, MIA, after, make_run, store_run_in_state

DAY = timedelta(days=1).total_seconds()


async def reserve(runs: Runs, run_id: str, **changes: object) -> None:
    await runs.reserve(make_run(run_id, **changes), (), RunLimits(at_once=3, per_day=5))


def limits(exceeded: QuotaExceeded) -> tuple[QuotaKind, int, int, datetime | None]:
    return exceeded.kind, exceeded.limit, exceeded.used, exceeded.retry_at


async def store_ended(runs: Runs, run_id: str, at: float, *, sent: bool = True) -> None:
    """Store an ended run that was created ``at`` this many seconds after T0."""
    await runs.reserve(make_run(run_id, created_at=after(at)), ())
    if sent:
        await runs.mark_sent(run_id, at=after(at), webhook=None)
    await runs.mark_ended(run_id, state=RunState.FAILED, at=after(at))


@pytest.mark.parametrize("state", [RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING])
async def test_active_runs_count_until_they_end(runs: Runs, state: RunState) -> None:
    for run_id in "abc":
        await store_run_in_state(runs, make_run(run_id), state)
    with pytest.raises(QuotaExceeded) as error:
        await reserve(runs, "d")
    assert limits(error.value) == (QuotaKind.ACTIVE, 3, 3, None)
    assert await runs.get("d") is None
    await runs.mark_ended("b", state=RunState.CANCELED, at=after(1))
    await reserve(runs, "d")


async def test_no_limit_allows_any_number(runs: Runs) -> None:
    for number in range(30):
        await runs.reserve(make_run(str(number)), (), NO_LIMITS)
    assert len(await runs.list_active(MIA)) == 30


async def test_runs_of_others_do_not_count(runs: Runs) -> None:
    for run_id in "abc":
        await reserve(runs, run_id)
    await reserve(runs, "d", author_id=BOB)


async def test_daily_limit_covers_24_hours(runs: Runs) -> None:
    for hour in range(5):
        await store_ended(runs, f"run-{hour}", hour * 3600)
    with pytest.raises(QuotaExceeded) as error:
        await reserve(runs, "next", created_at=after(DAY - 1))
    assert limits(error.value) == (QuotaKind.DAILY, 5, 5, after(DAY))
    await reserve(runs, "next", created_at=after(DAY))


async def test_retry_time_is_exact(runs: Runs) -> None:
    await store_ended(runs, "first", 0.25)
    with pytest.raises(QuotaExceeded) as error:
        await runs.reserve(make_run("next", created_at=after(1)), (), RunLimits(per_day=1))
    assert error.value.retry_at == after(DAY + 0.25)


async def test_unsent_ended_run_does_not_count(runs: Runs) -> None:
    for number in range(9):
        await store_ended(runs, f"run-{number}", 0, sent=False)
    await reserve(runs, "next")


async def test_unsent_active_run_counts_for_the_day(runs: Runs) -> None:
    for number in range(5):
        await runs.reserve(make_run(str(number)), ())
    with pytest.raises(QuotaExceeded):
        await runs.reserve(make_run("next"), (), RunLimits(per_day=5))


async def test_lowered_limit_names_the_right_retry_time(runs: Runs) -> None:
    for hour in range(5):
        await store_ended(runs, f"run-{hour}", hour * 3600)
    with pytest.raises(QuotaExceeded) as error:
        await runs.reserve(make_run("next", created_at=after(5 * 3600)), (), RunLimits(per_day=2))
    assert limits(error.value) == (QuotaKind.DAILY, 2, 5, after(DAY + 3 * 3600))


async def test_daily_limit_of_zero_rejects_every_run(runs: Runs) -> None:
    with pytest.raises(QuotaExceeded) as error:
        await runs.reserve(make_run(), (), RunLimits(per_day=0))
    assert limits(error.value) == (QuotaKind.DAILY, 0, 0, None)


async def test_erasing_does_not_reset_the_day(runs: Runs) -> None:
    for number in range(5):
        await store_ended(runs, f"run-{number}", 0)
        await runs.mark_delivered(f"run-{number}", at=after(1))
    await runs.erase(MIA)
    assert await runs.list_recent(MIA, limit=9) == ()
    with pytest.raises(QuotaExceeded):
        await reserve(runs, "next")


async def test_concurrent_reservations_respect_the_limit(runs: Runs) -> None:
    results = await asyncio.gather(*(reserve(runs, str(number)) for number in range(50)), return_exceptions=True)
    assert sum(result is None for result in results) == 3
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 47
    assert len(await runs.list_active(MIA)) == 3


async def check(runs: Runs, *starting: str, server: ServerQuota | None = None) -> None:
    used = await runs.read_used(
        MIA, server.guild_id if server else None, run_id="next", starting=starting, has_times=True
    )
    exceeded = used.find_exceeded(RunLimits(at_once=3, per_day=5, server=server), starting=len(starting))
    if exceeded is not None:
        raise exceeded


async def test_runs_that_are_about_to_start_count_once(runs: Runs) -> None:
    await reserve(runs, "a")
    await check(runs, "b")
    with pytest.raises(QuotaExceeded) as error:
        await check(runs, "b", "c")
    assert limits(error.value) == (QuotaKind.ACTIVE, 3, 3, None)
    await reserve(runs, "b")  # it has started meanwhile, and its place is not given back yet
    await check(runs, "b")


async def test_the_day_of_starting_runs_is_counted(runs: Runs) -> None:
    for hour in range(3):
        await store_ended(runs, f"run-{hour}", hour * 3600)
    await check(runs, "b")
    with pytest.raises(QuotaExceeded) as error:
        await check(runs, "b", "c")
    assert limits(error.value) == (QuotaKind.DAILY, 5, 5, after(DAY))


async def test_a_servers_limits_count_its_runs_alone(runs: Runs) -> None:
    place = make_run().place
    await reserve(runs, "there", place=replace(place, guild_id=9))
    await check(runs, server=ServerQuota(guild_id=2, at_once=1))
    await reserve(runs, "here", place=replace(place, guild_id=2))
    with pytest.raises(QuotaExceeded) as error:
        await check(runs, server=ServerQuota(guild_id=2, at_once=1))
    assert limits(error.value) == (QuotaKind.ACTIVE, 1, 1, None)
    assert error.value.in_server
    await runs.mark_sent("here", at=after(1))
    await runs.mark_ended("here", state=RunState.FAILED, at=after(1))
    await runs.mark_delivered("here", at=after(1))
    await runs.erase(MIA)
    with pytest.raises(QuotaExceeded) as error:
        await check(runs, server=ServerQuota(guild_id=2, per_day=1))
    assert limits(error.value) == (QuotaKind.DAILY, 1, 1, after(DAY))


async def test_an_old_run_that_is_active_counts_as_active_alone(runs: Runs, clock: VirtualClock) -> None:
    await reserve(runs, "old")
    await clock.advance(DAY + 1)
    used = await runs.read_used(MIA, None, run_id="next")
    assert used.find_exceeded(RunLimits(per_day=1), starting=0) is None
    exceeded = used.find_exceeded(RunLimits(at_once=1), starting=0)
    assert exceeded is not None
    assert exceeded.used == 1


async def test_a_run_that_was_started_is_known(runs: Runs) -> None:
    await reserve(runs, "next")
    assert (await runs.read_used(MIA, None, run_id="next")).is_started
    assert not (await runs.read_used(MIA, None, run_id="another")).is_started
