"""Budgets in the database: reserved with the run, captured with its end, on both kinds of database."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from bot.errors import Refused
from bot.limits import BUDGETS_PER_SERVER
from bot.money.budgets import BudgetExceeded, BudgetLimit, Owner, Period, Spender
from bot.money.cost import RunSample
from bot.store.budgets import Budgets, UsageFilter
from bot.store.models import RunState
from bot.store.quota import RunLimits
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.samples import BOB, MIA, T0, after, make_run

CENT = 10_000
DAY = date(2026, 1, 1)
GUILD = 2


@pytest.fixture
def budgets(store: Store) -> Budgets:
    return store.budgets


async def limit(
    budgets: Budgets, key: str, amount: int, period: Period = Period.MONTH, owner: Owner = Owner.OPERATOR
) -> None:
    await budgets.put(owner=owner, key=key, period=period, amount=amount, guild_id=GUILD, by=MIA)


async def reserve(runs: Runs, run_id: str, cost: int, *, roles: frozenset[int] = frozenset(), **changes: Any) -> None:
    await runs.reserve(make_run(run_id, estimate=cost, **changes), (), RunLimits(roles=roles))


async def end(runs: Runs, run_id: str, cost: int | None, *, sent: bool = True) -> bool:
    if sent:
        await runs.mark_sent(run_id, at=after(1))
        await runs.mark_submitted(run_id, prediction_id=f"p-{run_id}")
    return await runs.mark_ended(run_id, state=RunState.FAILED, at=after(2), cost=cost)


async def left(budgets: Budgets, spender: Spender | None = None) -> dict[str, int]:
    spender = spender or Spender(guild_id=GUILD, author_id=MIA, command="generate")
    return {limit.key: amount for limit, amount in (await budgets.list_remaining(spender)).items()}


async def test_the_estimate_is_reserved_and_the_truth_is_captured(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 100 * CENT)
    await reserve(runs, "a", 10 * CENT)
    assert await left(budgets) == {"bot": 90 * CENT}
    assert await budgets.count_reserved() == 10 * CENT
    assert await end(runs, "a", 4 * CENT)
    assert await left(budgets) == {"bot": 96 * CENT}
    assert await budgets.count_reserved() == 0
    run = await runs.get("a")
    assert run is not None
    assert (run.estimate, run.cost) == (10 * CENT, 4 * CENT)


@pytest.mark.parametrize("cost", [None, 0])
async def test_a_run_that_is_not_billed_gives_back(runs: Runs, budgets: Budgets, cost: int | None) -> None:
    await limit(budgets, "bot", 10 * CENT)
    await reserve(runs, "a", 10 * CENT)
    await end(runs, "a", cost, sent=False)
    assert await left(budgets) == {"bot": 10 * CENT}
    await reserve(runs, "b", 10 * CENT)


async def test_a_run_ends_once_and_is_counted_once(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 100 * CENT)
    await reserve(runs, "a", 10 * CENT)
    results = await asyncio.gather(*(end(runs, "a", 10 * CENT) for _ in range(5)))
    assert sum(results) == 1
    assert await left(budgets) == {"bot": 90 * CENT}


async def test_of_two_runs_for_the_last_dollar_one_wins(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 100 * CENT)
    results = await asyncio.gather(
        *(reserve(runs, str(number), 60 * CENT, message_id=number) for number in range(20)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 19
    assert await left(budgets) == {"bot": 40 * CENT}


@pytest.mark.parametrize(
    "key", ["bot", "command:generate", f"person:{MIA}", "person:*", "server:2", "server-command:2:generate",
            f"member:2:{MIA}", "member:2:*", "role:5"],
)  # fmt: skip
async def test_every_kind_of_budget_is_enforced(runs: Runs, budgets: Budgets, key: str) -> None:
    await limit(budgets, key, 10 * CENT)
    await reserve(runs, "a", 6 * CENT, roles=frozenset({4, 5}))
    with pytest.raises(BudgetExceeded) as error:
        await reserve(runs, "b", 6 * CENT, roles=frozenset({4, 5}))
    assert (error.value.used, error.value.cost) == (6 * CENT, 6 * CENT)
    assert await runs.get("b") is None


@pytest.mark.parametrize(
    "key", ["command:other", f"person:{BOB}", "server:3", "server-command:2:other", f"member:2:{BOB}", "member:3:*",
            "role:6"],
)  # fmt: skip
async def test_budgets_of_others_do_not_hold(runs: Runs, budgets: Budgets, key: str) -> None:
    await limit(budgets, key, 0)
    await reserve(runs, "a", 6 * CENT, roles=frozenset({5}))


async def test_each_person_has_a_budget_of_their_own(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "member:2:*", 10 * CENT)
    await reserve(runs, "a", 10 * CENT)
    await reserve(runs, "b", 10 * CENT, author_id=BOB)
    with pytest.raises(BudgetExceeded):
        await reserve(runs, "c", 1, author_id=BOB)


async def test_what_was_spent_before_a_budget_counts(runs: Runs, budgets: Budgets) -> None:
    await reserve(runs, "a", 10 * CENT)
    await end(runs, "a", 10 * CENT)
    await limit(budgets, "server:2", 10 * CENT)
    with pytest.raises(BudgetExceeded):
        await reserve(runs, "b", 1)


async def test_a_given_limit_holds_beside_the_stored_ones(runs: Runs) -> None:
    given = BudgetLimit(key=f"member:2:{MIA}", period=Period.MONTH, amount=10 * CENT, owner=Owner.RULES)
    await runs.reserve(make_run("a", estimate=10 * CENT), limits=RunLimits(budgets=(given,)))
    with pytest.raises(BudgetExceeded) as error:
        await runs.reserve(make_run("b", estimate=1), limits=RunLimits(budgets=(given,)))
    assert error.value.limit == given


async def test_a_day_opens_again_at_midnight_utc(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 10 * CENT, Period.DAY)
    await reserve(runs, "a", 10 * CENT)
    with pytest.raises(BudgetExceeded) as error:
        await reserve(runs, "b", 10 * CENT, created_at=after(86_399))
    assert error.value.opens_at == after(86_400)
    await reserve(runs, "b", 10 * CENT, created_at=after(86_400))


async def test_a_run_counts_on_the_day_it_was_created(runs: Runs, budgets: Budgets, clock: VirtualClock) -> None:
    await limit(budgets, "bot", 10 * CENT, Period.DAY)
    await reserve(runs, "a", 10 * CENT)
    await clock.advance(86_400)
    await end(runs, "a", 9 * CENT)
    assert await left(budgets) == {"bot": 10 * CENT}
    assert [(row.day, row.spent) for row in await budgets.read_usage(UsageFilter(since=DAY))] == [(DAY, 9 * CENT)]


async def test_a_budget_is_replaced_and_cleared(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 10 * CENT)
    await reserve(runs, "a", 6 * CENT)
    before = await budgets.put(
        owner=Owner.OPERATOR, key="bot", period=Period.MONTH, amount=20 * CENT, guild_id=None, by=BOB
    )
    assert before is not None
    assert before.amount == 10 * CENT
    (state,) = await budgets.list_states(guild_id=None, everything=True)
    assert (state.budget.amount, state.used) == (20 * CENT, 6 * CENT)
    assert await budgets.clear(state.budget)
    assert not await budgets.clear(state.budget)
    await reserve(runs, "b", 10**9 * CENT)


async def test_operator_and_server_have_budgets_beside_each_other(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "server:2", 10 * CENT, owner=Owner.OPERATOR)
    await limit(budgets, "server:2", 99 * CENT, owner=Owner.SERVER)
    with pytest.raises(BudgetExceeded):
        await reserve(runs, "a", 11 * CENT)
    states = await budgets.list_states(guild_id=GUILD, everything=False)
    assert {state.budget.owner for state in states} == {Owner.OPERATOR, Owner.SERVER}


async def test_a_server_sets_only_so_many_budgets(budgets: Budgets) -> None:
    for number in range(BUDGETS_PER_SERVER):
        await limit(budgets, f"member:2:{number}", CENT, owner=Owner.SERVER)
    with pytest.raises(Refused, match="There are 50 budgets already"):
        await limit(budgets, "server:2", CENT, owner=Owner.SERVER)
    await limit(budgets, "member:2:1", 2 * CENT, owner=Owner.SERVER)


async def test_a_warning_is_taken_once_a_period(runs: Runs, budgets: Budgets, clock: VirtualClock) -> None:
    await limit(budgets, "bot", 100 * CENT)
    await limit(budgets, "member:2:*", 100 * CENT)  # of those for each person nobody is told
    await reserve(runs, "a", 79 * CENT)
    assert await budgets.take_warnings() == ()
    await reserve(runs, "b", 1 * CENT)
    taken = await asyncio.gather(*(budgets.take_warnings() for _ in range(3)))
    (state,) = [state for states in taken for state in states]
    assert (state.budget.key, state.used) == ("bot", 80 * CENT)
    await reserve(runs, "c", 1 * CENT)
    assert await budgets.take_warnings() == ()
    await clock.advance(31 * 86_400)
    await reserve(runs, "d", 90 * CENT, created_at=clock.now())
    assert len(await budgets.take_warnings()) == 1


async def test_a_cost_above_the_estimate_warns_as_well(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "bot", 100 * CENT)
    await reserve(runs, "a", 1 * CENT)
    await end(runs, "a", 95 * CENT)
    assert len(await budgets.take_warnings()) == 1


async def test_usage_is_summed_by_day_and_command(runs: Runs, budgets: Budgets) -> None:
    for number, (author, command) in enumerate([(MIA, "draw"), (MIA, "draw"), (BOB, "sing")]):
        await reserve(runs, str(number), 0, author_id=author, command=command, message_id=number)
        await end(runs, str(number), (number + 1) * CENT)
    rows = await budgets.read_usage(UsageFilter(since=DAY))
    assert [(row.command, row.spent, row.runs) for row in rows] == [("draw", 3 * CENT, 2), ("sing", 3 * CENT, 1)]
    mine = await budgets.read_usage(UsageFilter(since=DAY, author_id=BOB))
    assert [(row.command, row.spent) for row in mine] == [("sing", 3 * CENT)]
    assert await budgets.read_usage(UsageFilter(since=DAY, guild_id=3)) == ()
    assert await budgets.read_usage(UsageFilter(since=DAY + timedelta(days=1))) == ()
    people = await budgets.list_top_people(UsageFilter(since=DAY), limit=9)
    assert {person.author_id: person.runs for person in people} == {MIA: 2, BOB: 1}


async def test_runs_that_were_never_sent_are_no_usage(runs: Runs, budgets: Budgets) -> None:
    await reserve(runs, "a", CENT)
    await end(runs, "a", 0, sent=False)
    assert await budgets.read_usage(UsageFilter(since=DAY)) == ()


async def test_erased_people_stay_in_the_sums_without_their_id(runs: Runs, budgets: Budgets) -> None:
    for number, author in enumerate((MIA, MIA, BOB)):
        await reserve(runs, str(number), CENT, author_id=author, message_id=number)
        await end(runs, str(number), CENT)
    await runs.mark_delivered("0", at=after(3))
    await runs.erase(MIA)
    await runs.mark_delivered("1", at=after(3))  # marked, and deleted now
    people = await budgets.list_top_people(UsageFilter(since=DAY), limit=9)
    assert {person.author_id: person.spent for person in people} == {None: 2 * CENT, BOB: CENT}
    assert (await budgets.read_usage(UsageFilter(since=DAY)))[0].spent == 3 * CENT


async def test_erasing_does_not_reset_a_budget(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, "person:*", 10 * CENT)
    await reserve(runs, "a", 10 * CENT)
    await end(runs, "a", 10 * CENT)
    await runs.mark_delivered("a", at=after(3))
    await runs.erase(MIA)
    with pytest.raises(BudgetExceeded):
        await reserve(runs, "b", 1)


async def test_an_export_has_what_a_person_has_spent(runs: Runs, budgets: Budgets) -> None:
    await limit(budgets, f"person:{MIA}", 99 * CENT)
    await reserve(runs, "a", CENT)
    await end(runs, "a", CENT)
    exported = await runs.export(MIA)
    assert [(row["day"], row["spent"]) for row in exported["spending"]] == [("2026-01-01", CENT)]
    assert {row["key"] for row in exported["budget_sums"]} == {f"person:{MIA}", f"member:2:{MIA}"}
    assert [row["amount"] for row in exported["budgets"]] == [99 * CENT]
    assert exported["runs"][0]["cost"] == CENT


async def test_old_sums_and_names_are_deleted(runs: Runs, budgets: Budgets) -> None:
    await reserve(runs, "a", CENT)
    await end(runs, "a", CENT)
    await runs.delete_expired(T0 + timedelta(days=400), runs_for=timedelta(days=365))
    people = await budgets.list_top_people(UsageFilter(since=DAY), limit=9)
    assert [(person.author_id, person.spent) for person in people] == [(None, CENT)]
    assert (await runs.export(MIA))["budget_sums"] == []


async def test_samples_fill_a_fixed_number_of_slots(runs: Runs, budgets: Budgets) -> None:
    for number in range(200):
        await runs.reserve(make_run(str(number), message_id=number))
        sample = ("generate a/b", RunSample(number, 1, {"predict_time": number}))
        await runs.mark_ended(str(number), state=RunState.FAILED, at=after(number), sample=sample)
    history = await budgets.read_history("generate a/b")
    assert 32 < len(history) <= 64
    assert all(one.quantities == {"predict_time": one.milliseconds} for one in history)
    assert await budgets.read_history("generate c/d") == ()


async def test_old_samples_are_forgotten(runs: Runs, budgets: Budgets) -> None:
    await runs.reserve(make_run())
    await runs.mark_ended("run-1", state=RunState.FAILED, at=T0, sample=("x", RunSample(1)))
    await runs.delete_expired(T0 + timedelta(days=91))
    assert await budgets.read_history("x") == ()


async def test_runs_ahead_are_counted_in_their_order(runs: Runs) -> None:
    stored = [make_run(run_id, message_id=number) for number, run_id in enumerate("bac")]
    for run in stored:
        await runs.reserve(run)
    assert [await runs.count_ahead(run) for run in stored] == [1, 0, 2]
    assert await runs.count_ahead(replace(stored[0], author_id=BOB)) == 0
    await runs.mark_ended("a", state=RunState.CANCELED, at=T0)
    assert await runs.count_ahead(stored[2]) == 1
