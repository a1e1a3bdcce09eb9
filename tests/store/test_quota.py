"""How many runs a person may have, and what they are told."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import RunState
from bot.store.runs import Runs
from tests.store.sample import BOB, MIA, a_run, after, run_up_to

DAY = timedelta(days=1).total_seconds()


async def reserve(runs: Runs, run_id: str, **changes: object) -> None:
    await runs.reserve(a_run(run_id, **changes), (), active_limit=3, daily_limit=5)


def limits(exceeded: QuotaExceeded) -> tuple[QuotaKind, int, int, datetime | None]:
    return exceeded.kind, exceeded.limit, exceeded.used, exceeded.retry_at


async def over(runs: Runs, run_id: str, at: float, *, sent: bool = True) -> None:
    """A run that was made ``at`` and is over."""
    await runs.reserve(a_run(run_id, created_at=after(at)), ())
    if sent:
        await runs.mark_sent(run_id, at=after(at), webhook=None)
    await runs.mark_ended(run_id, state=RunState.FAILED, at=after(at))


@pytest.mark.parametrize("state", [RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING])
async def test_runs_that_are_going_fill_the_limit_and_an_end_frees_a_place(runs: Runs, state: RunState) -> None:
    for run_id in "abc":
        await run_up_to(runs, a_run(run_id), state)
    with pytest.raises(QuotaExceeded) as refused:
        await reserve(runs, "d")
    assert limits(refused.value) == (QuotaKind.ACTIVE, 3, 3, None)
    assert await runs.get("d") is None
    await runs.mark_ended("b", state=RunState.CANCELED, at=after(1))
    await reserve(runs, "d")


async def test_no_limit_is_no_limit(runs: Runs) -> None:
    for number in range(30):
        await runs.reserve(a_run(str(number)), (), active_limit=None, daily_limit=None)
    assert len(await runs.list_active(MIA)) == 30


async def test_other_peoples_runs_do_not_count(runs: Runs) -> None:
    for run_id in "abc":
        await reserve(runs, run_id)
    await reserve(runs, "d", author_id=BOB)


async def test_a_day_is_24_hours_and_the_sentence_says_when_the_next_run_is_free(runs: Runs) -> None:
    for hour in range(5):
        await over(runs, f"run-{hour}", hour * 3600)
    with pytest.raises(QuotaExceeded) as refused:
        await reserve(runs, "next", created_at=after(DAY - 1))
    assert limits(refused.value) == (QuotaKind.DAILY, 5, 5, after(DAY))
    await reserve(runs, "next", created_at=after(DAY))


async def test_a_fraction_of_a_second_does_not_promise_too_early(runs: Runs) -> None:
    await over(runs, "first", 0.25)
    with pytest.raises(QuotaExceeded) as refused:
        await runs.reserve(a_run("next", created_at=after(1)), (), active_limit=None, daily_limit=1)
    assert refused.value.retry_at == after(DAY + 0.25)


async def test_what_never_left_for_replicate_costs_nothing(runs: Runs) -> None:
    for number in range(9):
        await over(runs, f"run-{number}", 0, sent=False)
    await reserve(runs, "next")


async def test_what_still_waits_to_leave_counts_for_the_day(runs: Runs) -> None:
    for number in range(5):
        await runs.reserve(a_run(str(number)), ())
    with pytest.raises(QuotaExceeded):
        await runs.reserve(a_run("next"), (), active_limit=None, daily_limit=5)


async def test_a_lowered_limit_counts_to_the_run_that_frees_a_place(runs: Runs) -> None:
    for hour in range(5):
        await over(runs, f"run-{hour}", hour * 3600)
    with pytest.raises(QuotaExceeded) as refused:
        await runs.reserve(a_run("next", created_at=after(5 * 3600)), (), active_limit=None, daily_limit=2)
    assert limits(refused.value) == (QuotaKind.DAILY, 2, 5, after(DAY + 3 * 3600))


async def test_a_daily_limit_of_nothing_refuses_everyone(runs: Runs) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        await runs.reserve(a_run(), (), active_limit=None, daily_limit=0)
    assert limits(refused.value) == (QuotaKind.DAILY, 0, 0, None)


async def test_erasing_does_not_refill_the_day(runs: Runs) -> None:
    for number in range(5):
        await over(runs, f"run-{number}", 0)
        await runs.mark_delivered(f"run-{number}", at=after(1))
    await runs.erase(MIA)
    assert await runs.list_recent(MIA, limit=9) == ()
    with pytest.raises(QuotaExceeded):
        await reserve(runs, "next")


async def test_of_many_at_once_exactly_as_many_as_allowed_are_reserved(runs: Runs) -> None:
    answers = await asyncio.gather(*(reserve(runs, str(number)) for number in range(50)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 3
    assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 47
    assert len(await runs.list_active(MIA)) == 3
