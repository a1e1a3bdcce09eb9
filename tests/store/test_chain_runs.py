"""A chain moves to its next step in the transaction that marks the one before as delivered."""

from dataclasses import replace
from typing import Any

import pytest

from bot.money.budgets import BudgetLimit, Owner, Period, Scope, budget_key
from bot.store.chain_runs import NextStep
from bot.store.errors import QuotaExceeded
from bot.store.models import EarlierStep, Run, RunChain, RunState, StepPlan
from bot.store.quota import RunLimits
from bot.store.runs import Runs
from bot.store.store import Store
from tests.store.samples import MIA, PNG, after, load_files, make_run, store_run_in_state


def make_step(number: int = 1, **changes: Any) -> Run:
    """Return the run of a step of the chain "run-1" with three steps."""
    plan = StepPlan(command="draw", target="owner/draw", input={"image": "file:0"}, output_schema={})
    earlier = tuple(EarlierStep(run_id=f"run-{n}", seconds=1.5, picture="1-draw-01.png") for n in range(1, number))
    chain = RunChain(
        id="run-1", name="poster", number=number, steps=(plan,) * 3, prompt="a cat", began_at=after(0), earlier=earlier
    )
    run_id = "run-1" if number == 1 else f"run-1-{number}"
    return replace(make_run(run_id, message_id=5), chain=chain, **changes)


def following(number: int = 2, **changes: Any) -> NextStep:
    values: dict[str, Any] = {"files": (PNG,), "limit_cause": "step_limit", "budget_cause": "step_budget"} | changes
    return NextStep(run=make_step(number), **values)


async def test_a_run_keeps_its_chain(runs: Runs) -> None:
    await runs.reserve(make_step())
    assert await runs.get("run-1") == make_step()


async def test_delivery_reserves_the_next_step_once(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    inserted = await runs.mark_step_delivered(make_step(), following(), at=after(2))
    assert inserted == make_step(2)
    assert await runs.mark_step_delivered(make_step(), following(), at=after(3)) is None
    assert [run.id for run in await runs.list_undelivered()] == ["run-1-2"]
    assert await load_files(runs, "run-1-2") == (PNG,)


async def test_the_newest_token_goes_to_the_next_step(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    await runs.save_token("run-1", "pressed", expires_at=after(2000))
    inserted = await runs.mark_step_delivered(make_step(), following(), at=after(2))
    assert inserted is not None
    assert (inserted.place.token, inserted.place.token_expires_at) == ("pressed", after(2000))
    assert await runs.get("run-1-2") == inserted


async def test_the_last_step_ends_the_chain(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    assert await runs.mark_step_delivered(make_step(), None, at=after(2)) is None
    assert await runs.cancel_chain("run-1", by_id=MIA, at=after(3)) is None
    assert await runs.list_undelivered() == ()


async def test_a_canceled_chain_starts_no_step(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    assert await runs.cancel_chain("run-1", by_id=MIA, at=after(1)) == ("run-1", True)
    assert await runs.cancel_chain("run-1", by_id=7, at=after(2)) == ("run-1", False)
    inserted = await runs.mark_step_delivered(make_step(), following(), at=after(2))
    assert inserted is not None
    assert (inserted.cancel_requested_at, inserted.canceled_by_id) == (after(1), MIA)
    assert not await runs.mark_sent("run-1-2", at=after(3))


async def test_a_step_over_a_limit_is_stored_as_failed(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    inserted = await runs.mark_step_delivered(make_step(), following(limits=RunLimits(per_day=1)), at=after(2))
    assert inserted is not None
    assert (inserted.state, inserted.cause) == (RunState.FAILED, "step_limit")
    assert await runs.get("run-1-2") == inserted


async def test_a_chain_over_a_limit_is_not_stored(runs: Runs) -> None:
    with pytest.raises(QuotaExceeded):
        await runs.reserve(make_step(), (), RunLimits(at_once=0))
    assert await runs.cancel_chain("run-1", by_id=MIA, at=after(1)) is None


async def test_erasing_reaches_the_steps_to_come(runs: Runs) -> None:
    await store_run_in_state(runs, make_step(), RunState.SUCCEEDED)
    await runs.erase(MIA)
    assert await runs.mark_step_delivered(make_step(), following(), at=after(2)) is not None
    assert await runs.get("run-1") is None
    await runs.mark_ended("run-1-2", state=RunState.FAILED, at=after(3))
    assert await runs.mark_step_delivered(make_step(2), None, at=after(4)) is None
    assert await runs.get("run-1-2") is None


async def test_a_chain_whose_run_is_gone_is_deleted(store: Store) -> None:
    await store.runs.reserve(make_step())
    await store.runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))
    await store.runs.mark_delivered("run-1", at=after(2))  # as if by a version that knows no chains
    await store.runs.erase(MIA)
    await store.runs.delete_expired(after(10))
    assert await store.runs.cancel_chain("run-1", by_id=MIA, at=after(11)) is None


async def test_a_step_over_a_budget_reserves_nothing(store: Store) -> None:
    limit = BudgetLimit(key=budget_key(Scope.PERSON, MIA), period=Period.DAY, amount=50, owner=Owner.RULES)
    step = replace(make_step(2), estimate=60)
    await store_run_in_state(store.runs, make_step(), RunState.SUCCEEDED)
    inserted = await store.runs.mark_step_delivered(
        make_step(), replace(following(limits=RunLimits(budgets=(limit,))), run=step), at=after(2)
    )
    assert inserted is not None
    assert (inserted.state, inserted.cause, inserted.estimate) == (RunState.FAILED, "step_budget", None)


async def test_a_step_that_is_stopped_gives_back_nothing(store: Store) -> None:
    await store_run_in_state(store.runs, make_step(), RunState.SUCCEEDED)
    await store.runs.cancel_chain("run-1", by_id=MIA, at=after(1))
    step = replace(make_step(2), estimate=60)
    await store.runs.mark_step_delivered(make_step(), replace(following(), run=step), at=after(2))
    stored = await store.runs.get("run-1-2")
    assert stored is not None
    assert stored.estimate is None


async def test_deleting_a_result_deletes_every_step(store: Store) -> None:
    await store_run_in_state(store.runs, make_step(), RunState.SUCCEEDED)
    await store.runs.mark_step_delivered(make_step(), following(), at=after(2))
    await store.runs.mark_ended("run-1-2", state=RunState.FAILED, at=after(3))
    await store.runs.mark_step_delivered(make_step(2), None, at=after(4))
    assert await store.results.request_deletion("run-1-2")
    assert await store.results.mark_deleted("run-1-2")
    first = await store.runs.get("run-1")
    assert first is not None
    assert (first.deleted_at is not None, first.output) == (True, None)
    assert await load_files(store.runs, "run-1-2") == ()
    assert await load_files(store.runs, "run-1") == (PNG,), "what was attached is no result"


async def test_only_the_last_step_is_a_result_to_react_to(store: Store) -> None:
    await store_run_in_state(store.runs, make_step(), RunState.SUCCEEDED)
    later = replace(make_step(2), created_at=after(2))
    await store.runs.mark_step_delivered(make_step(), replace(following(), run=later), at=after(2))
    assert await store.results.list_recent(since=after(0), limit=9) == ()
    await store.runs.mark_ended("run-1-2", state=RunState.FAILED, at=after(3))
    await store.runs.mark_step_delivered(later, None, at=after(4))
    assert [run.id for run in await store.results.list_recent(since=after(0), limit=9)] == ["run-1-2"]
