"""What a run is expected to cost is reserved, what it has cost is counted, whatever way it ends."""

from typing import Any

import pytest

from bot.backends.errors import NotSent
from bot.backends.prediction import Status
from bot.errors import Refused
from bot.money.budgets import BudgetExceeded, Owner, Period
from bot.runs.cancels import CancelResult
from bot.store.budgets import UsageFilter
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, Environment
from tests.runs.fake_replicate import NEVER_ARRIVED
from tests.store.samples import T0

PRICES = "[models.'fofr/consistent-character']\nimage_output_count = 0.01\n"
CENT = 10_000


@pytest.fixture
def paid(env: Environment) -> Environment:
    env.set_prices(PRICES)
    return env


async def limit(env: Environment, cents: int) -> None:
    await env.store.budgets.put(
        owner=Owner.OPERATOR, key="bot", period=Period.MONTH, amount=cents * CENT, guild_id=None, by=AUTHOR
    )


async def end(env: Environment, status: Status, **changes: Any) -> None:
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.end(status, env.clock.now(), **changes)
    await env.clock.advance(5)


async def costs(env: Environment, run: Run) -> tuple[int | None, int]:
    """Return what a run has cost, and what is still reserved."""
    return (await env.row(run)).cost, await env.store.budgets.count_reserved()


async def test_an_estimate_is_reserved_until_the_end(paid: Environment) -> None:
    run = await paid.start(expected=3)
    assert paid.snapshot(run).run.estimate == 3 * CENT
    assert await costs(paid, run) == (None, 3 * CENT)
    await end(paid, Status.SUCCEEDED, output=[], metrics={"image_output_count": 2})
    assert await costs(paid, run) == (2 * CENT, 0)
    assert paid.snapshot(run).run.cost == 2 * CENT
    assert paid.metrics.cost.labels(command="generate")._value.get() == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("status", "metrics", "cents"),
    [
        (Status.SUCCEEDED, {"image_output_count": 3}, 3),
        (Status.SUCCEEDED, {}, 3),
        (Status.FAILED, {"image_output_count": 1}, 1),
        (Status.FAILED, {}, 0),
        (Status.CANCELED, {"image_output_count": 1}, 1),
        (Status.ABORTED, {"image_output_count": 1}, 0),
    ],
)
async def test_every_end_costs_what_ran(paid: Environment, status: Status, metrics: dict[str, Any], cents: int) -> None:
    run = await paid.start(expected=3)
    await end(paid, status, output=[], metrics=metrics)
    assert await costs(paid, run) == (cents * CENT, 0)


async def test_a_run_canceled_in_the_queue_costs_nothing(paid: Environment) -> None:
    paid.replicate.create_results.append(NotSent("no route"))
    run = await paid.start()
    assert await paid.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    await paid.clock.advance(60)
    assert await costs(paid, run) == (0, 0)
    assert await paid.store.budgets.read_usage(UsageFilter(since=T0.date().replace(year=2000))) == ()


async def test_a_lost_run_gives_back(paid: Environment) -> None:
    paid.replicate.create_results.append(NEVER_ARRIVED)
    run = await paid.start()
    await paid.clock.advance(2000)
    assert (await paid.row(run)).cause == "lost"
    assert await costs(paid, run) == (0, 0)


async def test_a_restart_reserves_and_counts_once(paid: Environment) -> None:
    run = await paid.start(expected=3)
    await paid.restart()
    await paid.restart()
    assert await costs(paid, run) == (None, 3 * CENT)
    await end(paid, Status.SUCCEEDED, output=[], metrics={"image_output_count": 3})
    await paid.restart()
    assert await costs(paid, run) == (3 * CENT, 0)
    (usage,) = await paid.store.budgets.read_usage(UsageFilter(since=T0.date().replace(year=2000)))
    assert (usage.spent, usage.runs) == (3 * CENT, 1)


async def test_a_run_over_budget_is_never_sent(paid: Environment) -> None:
    await limit(paid, 5)
    await paid.start(expected=4)
    with pytest.raises(BudgetExceeded):
        await paid.start(expected=2)
    await paid.clock.advance(60)
    assert len(paid.replicate.creates) == 1


async def test_an_unknown_price_is_free_a_sum_or_refused(env: Environment) -> None:
    free = await env.start()
    assert (free.estimate, (await env.row(free)).estimate) == (None, None)
    env.set_prices("", unknown=7 * CENT)
    assert (await env.start()).estimate == 7 * CENT
    env.set_prices("", unknown=None)
    with pytest.raises(Refused, match="don't know what this model costs"):
        await env.start()


async def test_a_model_of_ones_own_costs_what_its_command_says(env: Environment) -> None:
    env.target = "cog+http://127.0.0.1:9"
    env.set_prices("", unknown=None)
    assert (await env.start()).estimate is None
    env.set_prices("[commands.generate]\nrun = 0.02\n", unknown=None)
    assert (await env.start()).estimate == 2 * CENT


async def test_the_usual_time_is_learned_from_runs(env: Environment) -> None:
    env.set_prices("[models.'fofr/consistent-character']\nsecond = 0.01\n")
    for number in range(1, 4):
        run = await env.start()
        prediction = list(env.replicate.by_id.values())[-1]
        prediction.start(env.clock.now())
        await env.clock.advance(12)
        prediction.end(Status.SUCCEEDED, env.clock.now(), output=[], metrics={"predict_time": number})
        await env.clock.advance(60)
        assert (await env.row(run)).state is RunState.SUCCEEDED
    learned = await env.start()
    assert learned.usual_seconds is not None
    assert 12 <= learned.usual_seconds <= 20
    assert learned.estimate == 3 * CENT  # the 90th percentile of 1, 2 and 3 seconds
