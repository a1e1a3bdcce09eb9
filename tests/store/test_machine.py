"""Any order of transitions: one winner each, nothing is lost, quotas hold, across any restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.store.errors import QuotaExceeded
from bot.store.models import Run, RunState
from bot.store.quota import RunLimits
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import create_database, empty_folder
from tests.store.samples import BOB, MIA, PNG, T0, load_files, make_run

AUTHORS = st.sampled_from([MIA, BOB])
PREDICTIONS = st.sampled_from(["p1", "p2", "p3"])
TERMINAL_STATES = st.sampled_from([RunState.FAILED, RunState.CANCELED, RunState.ABORTED])
DAY = timedelta(days=1)
ACTIVE_LIMIT, DAILY_LIMIT = 2, 4


class StoreMachine(RuleBasedStateMachine):
    """Compares the store after every step with a dict of runs and the times of erased ones."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.url = create_database(empty_folder())
        self.clock = VirtualClock(T0)
        self.runs: dict[str, Run] = {}
        self.files: dict[str, int] = {}
        self.marked: set[str] = set()
        self.erased: list[tuple[int, datetime]] = []
        self.reserved = 0
        self.store = self.wait_for(self.open())

    def open(self) -> Awaitable[Store]:
        return Store.open(self.url, clock=self.clock, durable=False)

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def race(self, transition: Callable[[], Awaitable[bool]], *, wins: bool) -> bool:
        """Make the transition three times at once; it succeeds once or never."""

        async def make_all() -> int:
            return sum(await asyncio.gather(transition(), transition(), transition()))

        assert self.wait_for(make_all()) == int(wins)
        return wins

    def teardown(self) -> None:
        self.wait_for(self.store.close())
        self.loop.close()

    def pick(self, data: st.DataObject) -> Run:
        return self.runs[data.draw(st.sampled_from(sorted(self.runs)))]

    @rule(seconds=st.sampled_from([1, 3600, 40_000]))
    def advance_time(self, seconds: int) -> None:
        self.wait_for(self.clock.advance(seconds))

    @rule()
    def restart(self) -> None:
        self.wait_for(self.store.close())
        self.store = self.wait_for(self.open())

    @rule(author=AUTHORS)
    def reserve(self, author: int) -> None:
        now = self.clock.now()
        self.reserved += 1
        run = make_run(f"run-{self.reserved}", author_id=author, created_at=now, message_id=self.reserved)
        own = [run for run in self.runs.values() if run.author_id == author]
        times = [run.created_at for run in own if run.sent_at or not run.ended_at]
        times += [at for author_id, at in self.erased if author_id == author]
        allowed = sum(not run.ended_at for run in own) < ACTIVE_LIMIT
        allowed = allowed and sum(at > now - DAY for at in times) < DAILY_LIMIT
        try:
            self.wait_for(self.store.runs.reserve(run, (PNG,), RunLimits(at_once=ACTIVE_LIMIT, per_day=DAILY_LIMIT)))
        except QuotaExceeded:
            assert not allowed
        else:
            assert allowed
            self.runs[run.id] = run
            self.files[run.id] = 1

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def mark_sent(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        allowed = run.state is RunState.RESERVED and not run.sent_at and not run.cancel_requested_at
        webhook = f"https://bot.example/{run.id}"
        if self.race(lambda: self.store.runs.mark_sent(run.id, at=now, webhook=webhook), wins=allowed):
            self.runs[run.id] = replace(run, sent_at=now, webhook=webhook)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def mark_unsent(self, data: st.DataObject) -> None:
        run = self.pick(data)
        allowed = run.state is RunState.RESERVED and run.sent_at is not None
        if self.race(lambda: self.store.runs.mark_unsent(run.id), wins=allowed):
            self.runs[run.id] = replace(run, sent_at=None, webhook=None)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), prediction=PREDICTIONS)
    def mark_submitted(self, data: st.DataObject, prediction: str) -> None:
        run = self.pick(data)
        taken = any(other.prediction_id == prediction for other in self.runs.values())
        allowed = run.state is RunState.RESERVED and run.sent_at is not None and not taken
        if self.race(lambda: self.store.runs.mark_submitted(run.id, prediction_id=prediction), wins=allowed):
            self.runs[run.id] = replace(run, state=RunState.SUBMITTED, prediction_id=prediction)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def mark_running(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        allowed = run.state is RunState.SUBMITTED
        if self.race(lambda: self.store.runs.mark_running(run.id, started_at=now), wins=allowed):
            self.runs[run.id] = replace(run, state=RunState.RUNNING, started_at=now)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), state=TERMINAL_STATES)
    def mark_ended(self, data: st.DataObject, state: RunState) -> None:
        run, now = self.pick(data), self.clock.now()
        result: dict[str, Any] = {"failure": "It failed.", "cause": "test", "output": [run.id], "metrics": {"t": 1}}
        allowed = not run.ended_at
        if self.race(lambda: self.store.runs.mark_ended(run.id, state=state, at=now, **result), wins=allowed):
            self.runs[run.id] = replace(run, state=state, ended_at=now, **result)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def request_cancel(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        allowed = not run.ended_at and not run.cancel_requested_at
        if self.race(lambda: self.store.runs.request_cancel(run.id, by_id=MIA, at=now), wins=allowed):
            self.runs[run.id] = replace(run, cancel_requested_at=now, canceled_by_id=MIA)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def mark_delivered(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        allowed = run.ended_at is not None and run.delivered_at is None
        if self.race(lambda: self.store.runs.mark_delivered(run.id, at=now), wins=allowed):
            self.runs[run.id] = replace(run, delivered_at=now, place=replace(run.place, token=""))
            if run.id in self.marked:
                self.delete(run.id)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), number=st.integers(0, 2), message=st.integers(1000, 1005))
    def mark_message_sent(self, data: st.DataObject, number: int, message: int) -> None:
        run = self.pick(data)
        self.wait_for(self.store.runs.mark_message_sent(run.id, number, message))
        self.runs[run.id] = replace(run, messages={**run.messages, number: message})

    @rule(author=AUTHORS)
    def erase(self, author: int) -> None:
        own = [run for run in self.runs.values() if run.author_id == author]
        erasure = self.wait_for(self.store.runs.erase(author))
        delivered = [run.id for run in own if run.delivered_at]
        pending = [run.id for run in own if not run.delivered_at]
        assert (erasure.deleted, erasure.pending) == (len(delivered), len(pending))
        self.marked |= set(pending)
        for run_id in delivered:
            self.delete(run_id)
        for run in self.runs.values():
            if run.canceled_by_id == author:
                self.runs[run.id] = replace(run, canceled_by_id=None)

    def delete(self, run_id: str) -> None:
        run = self.runs.pop(run_id)
        if run.sent_at:
            self.erased.append((run.author_id, run.created_at))

    @rule(hours=st.tuples(*[st.sampled_from([None, 1, 24])] * 3))
    def delete_expired(self, hours: tuple[int | None, int | None, int | None]) -> None:
        now = self.clock.now()
        periods = [None if hour is None else timedelta(hours=hour) for hour in hours]
        self.wait_for(
            self.store.runs.delete_expired(now, prompts_for=periods[0], files_for=periods[1], runs_for=periods[2])
        )
        prompts, files, rows = (
            [run for run in self.runs.values() if period and run.delivered_at and run.delivered_at <= now - period]
            for period in periods
        )
        for run in prompts:
            if run.forgotten_at is None:
                self.runs[run.id] = replace(
                    run,
                    input={},
                    prompt=None,
                    summary="",
                    notes=(),
                    output_schema={},
                    output=None,
                    failure=None,
                    webhook=None,
                    forgotten_at=now,
                )
        for run in files:
            self.files[run.id] = 0
        for run in rows:
            self.delete(run.id)

    @invariant()
    def store_agrees(self) -> None:
        if hasattr(self, "store"):
            self.wait_for(self.compare(self.store.runs))

    async def compare(self, stored: Runs) -> None:
        """Compare everything at once: reads of one moment share a transaction."""
        expected = sorted(self.runs.values(), key=lambda run: (run.created_at, run.id))
        undelivered, run_ids, files, _ = await asyncio.gather(
            stored.list_undelivered(),
            stored.find_run_ids(["p1", "p2", "p3"]),
            asyncio.gather(*(load_files(stored, run.id) for run in expected)),
            asyncio.gather(*(self.compare_author(stored, author, expected) for author in (MIA, BOB))),
        )
        assert undelivered == tuple(run for run in expected if not run.delivered_at)
        assert run_ids == {run.prediction_id: run.id for run in expected if run.prediction_id}
        assert [len(each) for each in files] == [self.files[run.id] for run in expected]

    async def compare_author(self, stored: Runs, author: int, expected: Sequence[Run]) -> None:
        own = [run for run in expected if run.author_id == author]
        recent, active, counts = await asyncio.gather(
            stored.list_recent(author, limit=99), stored.list_active(author), stored.count_stored(author)
        )
        assert recent == tuple(reversed(own))
        assert active == tuple(run for run in own if not run.ended_at)
        assert (counts.runs, counts.files) == (len(own), sum(self.files[run.id] for run in own))


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
