"""Any order of runs, prices, crashes and concurrent reservations: no budget is exceeded but by the unforeseen."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.money.budgets import BudgetExceeded, Owner, Period, Spender, day_of
from bot.store.budgets import UsageFilter
from bot.store.models import Run, RunState
from bot.store.quota import RunLimits
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.postgresql import PostgresqlServer
from tests.store.databases import create_database, empty_folder
from tests.store.samples import BOB, MIA, T0, make_run

COSTS = st.sampled_from([0, 1, 5, 30, 60, 100])
AUTHORS = st.sampled_from([MIA, BOB])
COMMANDS = st.sampled_from(["draw", "sing"])
GUILDS = st.sampled_from([2, 3, None])
ROLES = st.sampled_from([frozenset[int](), frozenset({5}), frozenset({5, 6})])
KEYS = st.sampled_from(
    ["bot", "command:draw", f"person:{MIA}", "person:*", "server:2", "server-command:2:draw", "member:2:*", "role:5"]
)
PERIODS = st.sampled_from(Period)
ENDS = st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED, RunState.ABORTED])


@dataclass(frozen=True)
class Paid:
    """A run as it should be counted: under which keys, what is reserved, and what it has cost."""

    run: Run
    keys: tuple[str, ...]
    ended: bool = False


def sum_period(sums: Mapping[tuple[str, date], int], key: str, period: Period, day: date) -> int:
    """Return what is used of a key in the period that a day is in."""
    return sum(used for (one, at), used in sums.items() if one == key and period.begin(at) == period.begin(day))


class BudgetMachine(RuleBasedStateMachine):
    """Compares the sums in the database after every step with the runs themselves."""

    server: ClassVar[PostgresqlServer | None] = None

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.url = self.server.create_database(migrated=True) if self.server else create_database(empty_folder())
        self.clock = VirtualClock(T0)
        self.paid: dict[str, Paid] = {}
        self.limits: dict[tuple[str, Period], int] = {}
        self.overrun: Counter[str] = Counter()  # of each key: by how much truth exceeded the estimates
        self.lowered: set[tuple[str, Period]] = set()  # budgets that were set below what was used
        self.number = 0
        self.store: Store = self.wait_for(self.open())

    def open(self) -> Awaitable[Store]:
        return Store.open(self.url, clock=self.clock, durable=False)

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.wait_for(self.store.close())
            self.loop.close()
            if self.server:
                self.server.drop_database(self.url)

    @rule(seconds=st.sampled_from([60, 43_200, 86_400 * 16]))
    def advance_time(self, seconds: int) -> None:
        self.wait_for(self.clock.advance(seconds))

    @rule()
    def restart(self) -> None:
        """A process that ends between two transactions; what is half done is rolled back by the database."""
        self.wait_for(self.store.close())
        self.store = self.wait_for(self.open())

    @rule(key=KEYS, period=PERIODS, amount=st.sampled_from([0, 50, 100, 200]))
    def set_budget(self, key: str, period: Period, amount: int) -> None:
        self.wait_for(
            self.store.budgets.put(owner=Owner.OPERATOR, key=key, period=period, amount=amount, guild_id=None, by=MIA)
        )
        self.limits[key, period] = amount
        self.lowered.add((key, period))

    @rule(cost=COSTS, author=AUTHORS, command=COMMANDS, guild=GUILDS, roles=ROLES, at_once=st.integers(1, 4))
    def reserve(
        self,
        *,
        cost: int,
        author: int,
        command: str,
        guild: int | None,
        roles: frozenset[int],
        at_once: int,
    ) -> None:
        """Reserve several runs at once, of which as many start as fit."""
        now, runs = self.clock.now(), []
        for _ in range(at_once):
            self.number += 1
            run = make_run(
                f"run-{self.number}", author_id=author, command=command, created_at=now, estimate=cost,
                message_id=self.number,
            )  # fmt: skip
            runs.append(replace(run, place=replace(run.place, guild_id=guild)))
        spender = Spender(guild_id=guild, author_id=author, command=command, roles=roles)
        counted = {key for key in spender.role_keys() if any(one == key for one, _ in self.limits)}
        keys = (*spender.sum_keys(), *sorted(counted))
        fits = self.room(spender, now.date(), cost, at_once)

        async def reserve_all() -> list[BaseException | None]:
            jobs = (self.store.runs.reserve(run, (), RunLimits(roles=roles)) for run in runs)
            return await asyncio.gather(*jobs, return_exceptions=True)

        results = self.wait_for(reserve_all())
        started = [run for run, result in zip(runs, results, strict=True) if result is None]
        assert all(result is None or isinstance(result, BudgetExceeded) for result in results)
        assert len(started) == fits
        for run in started:
            self.paid[run.id] = Paid(run, keys)

    def room(self, spender: Spender, day: Any, cost: int, at_once: int) -> int:
        """Return how many runs of this cost every budget has room for."""
        if not cost:
            return at_once
        room = at_once
        keys = spender.limit_keys()
        for (key, period), amount in self.limits.items():
            if key in keys:
                used = sum_period(self.day_sums(), keys[key], period, day)
                room = min(room, max(amount - used, 0) // cost)
        return room

    def day_sums(self) -> Counter[tuple[str, Any]]:
        sums: Counter[tuple[str, Any]] = Counter()
        for paid in self.paid.values():
            amount = (paid.run.cost or 0) if paid.ended else (paid.run.estimate or 0)
            for key in paid.keys:
                sums[key, day_of(paid.run.created_at)] += amount
        return sums

    @precondition(lambda self: any(not paid.ended for paid in self.paid.values()))
    @rule(data=st.data(), cost=st.one_of(st.none(), COSTS), state=ENDS, sent=st.booleans())
    def end(self, data: st.DataObject, cost: int | None, state: RunState, *, sent: bool) -> None:
        """End a run three times at once, as a task and a recovery could; it is counted once."""
        paid = data.draw(st.sampled_from([paid for paid in self.paid.values() if not paid.ended]))
        run_id, now = paid.run.id, self.clock.now()
        sent = sent or state is RunState.SUCCEEDED
        cost = cost if sent else 0

        async def end_thrice() -> int:
            if sent:
                await self.store.runs.mark_sent(run_id, at=now)
                await self.store.runs.mark_submitted(run_id, prediction_id=f"p-{run_id}")
            ends = (self.store.runs.mark_ended(run_id, state=state, at=now, cost=cost) for _ in range(3))
            return sum(await asyncio.gather(*ends))

        assert self.wait_for(end_thrice()) == 1
        run = replace(paid.run, cost=cost, sent_at=now if sent else None)
        self.paid[run_id] = replace(paid, run=run, ended=True)
        for key in paid.keys:
            self.overrun[key] += max((cost or 0) - (run.estimate or 0), 0)

    @precondition(lambda self: any(paid.ended for paid in self.paid.values()))
    @rule(author=AUTHORS)
    def erase(self, author: int) -> None:
        """Deleting rows and names changes no sum of this month."""
        for paid in self.paid.values():
            if paid.ended:
                self.wait_for(self.store.runs.mark_delivered(paid.run.id, at=self.clock.now()))
        self.wait_for(self.store.runs.erase(author))

    @invariant()
    def sums_equal_the_runs(self) -> None:
        if hasattr(self, "store"):
            self.wait_for(self.compare())

    async def compare(self) -> None:
        budgets, today = self.store.budgets, day_of(self.clock.now())
        sums = self.day_sums()
        open_runs = [paid.run.estimate or 0 for paid in self.paid.values() if not paid.ended]
        reserved, states, usage = await asyncio.gather(
            budgets.count_reserved(),
            budgets.list_states(guild_id=None, everything=True),
            budgets.read_usage(UsageFilter(since=day_of(T0))),
        )
        assert reserved == sum(open_runs)
        for state in states:
            if state.used is not None:
                assert state.used == sum_period(sums, state.budget.key, state.budget.period, today), state.budget.key
        ended = [paid.run for paid in self.paid.values() if paid.ended and paid.run.sent_at is not None]
        assert sum(row.runs for row in usage) == len(ended)
        assert sum(row.spent for row in usage) == sum(run.cost or 0 for run in ended)

    @invariant()
    def no_budget_is_exceeded_by_more_than_was_unforeseen(self) -> None:
        if not hasattr(self, "store"):
            return
        today, sums = day_of(self.clock.now()), self.day_sums()
        for (key, period), amount in self.limits.items():
            used = sum_period(sums, key, period, today)
            if used <= amount:
                self.lowered.discard((key, period))
            elif (key, period) not in self.lowered:
                assert used - amount <= self.overrun[key], key


STEPS = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.timeout(400)
def test_sums_equal_the_runs_in_any_order_on_sqlite() -> None:
    run_state_machine_as_test(BudgetMachine, settings=STEPS)


@pytest.mark.timeout(400)
def test_sums_equal_the_runs_in_any_order_on_postgresql(postgresql_server: PostgresqlServer) -> None:
    class OnPostgresql(BudgetMachine):
        server = postgresql_server

    run_state_machine_as_test(OnPostgresql, settings=settings(STEPS, max_examples=6))


@pytest.mark.parametrize("days", [1, 2], ids=["one day", "around midnight"])
def test_two_processes_never_both_get_the_last_dollar(postgresql_server: PostgresqlServer, days: int) -> None:
    """Each has a connection of its own, and nothing but the database between them; a budget is of the whole month."""

    async def race(url: str) -> None:
        clock = VirtualClock(T0)
        stores = [await Store.open(url, clock=clock) for _ in range(3)]
        try:
            await stores[0].budgets.put(
                owner=Owner.OPERATOR, key="bot", period=Period.MONTH, amount=100, guild_id=None, by=MIA
            )
            runs = [
                make_run(
                    f"{name}-{number}", estimate=10, author_id=number, message_id=number,
                    created_at=T0 + timedelta(days=number % days),
                )
                for name in range(len(stores))
                for number in range(12)
            ]  # fmt: skip
            jobs = [stores[number // 12].runs.reserve(run) for number, run in enumerate(runs)]
            results = await asyncio.gather(*jobs, return_exceptions=True)
            assert sum(result is None for result in results) == 10
            assert sum(isinstance(result, BudgetExceeded) for result in results) == 26
            assert await stores[1].budgets.count_reserved() == 100
        finally:
            for store in stores:
                await store.close()

    url = postgresql_server.create_database(migrated=True)
    asyncio.run(asyncio.wait_for(race(url), timedelta(seconds=60).total_seconds()))
    postgresql_server.drop_database(url)
