"""Any order of moves, by anyone: one winner each, nothing lost, quotas kept, whatever is restarted in between."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.store.errors import QuotaExceeded
from bot.store.models import Run, RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.sample import BOB, MIA, PNG, T0, a_run

AUTHORS = st.sampled_from([MIA, BOB])
PREDICTIONS = st.sampled_from(["p1", "p2", "p3"])
ENDS = st.sampled_from([RunState.FAILED, RunState.CANCELED, RunState.ABORTED])
DAY = timedelta(days=1)
ACTIVE_LIMIT, DAILY_LIMIT = 2, 4


class Life(RuleBasedStateMachine):
    """The model is a dict of runs and the times of those that were erased; the store must agree after every step."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = VirtualClock(T0)
        self.model: dict[str, Run] = {}
        self.files: dict[str, int] = {}
        self.marked: set[str] = set()
        self.remains: list[tuple[int, datetime]] = []
        self.made = 0
        self.store = self.do(self.open())

    def open(self) -> Awaitable[Store]:
        return Store.open(f"sqlite+aiosqlite:///{self.folder.name}/replicord.db", clock=self.clock)

    def do(self, doing: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(doing)

    def race(self, move: Callable[[], Awaitable[bool]], *, wins: bool) -> bool:
        """Let three try at once; one of them wins, or none."""

        async def all_at_once() -> int:
            return sum(await asyncio.gather(move(), move(), move()))

        assert self.do(all_at_once()) == int(wins)
        return wins

    def teardown(self) -> None:
        self.do(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    def pick(self, data: st.DataObject) -> Run:
        return self.model[data.draw(st.sampled_from(sorted(self.model)))]

    @rule(seconds=st.sampled_from([1, 3600, 40_000]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.clock.advance(seconds))

    @rule()
    def restart(self) -> None:
        self.do(self.store.close())
        self.store = self.do(self.open())

    @rule(author=AUTHORS)
    def reserve(self, author: int) -> None:
        now = self.clock.now()
        self.made += 1
        run = a_run(f"run-{self.made}", author_id=author, created_at=now, message_id=self.made)
        mine = [run for run in self.model.values() if run.author_id == author]
        today = [run.created_at for run in mine if run.sent_at or not run.ended_at]
        today += [at for whose, at in self.remains if whose == author]
        allowed = sum(not run.ended_at for run in mine) < ACTIVE_LIMIT
        allowed = allowed and sum(at > now - DAY for at in today) < DAILY_LIMIT
        try:
            self.do(self.store.runs.reserve(run, (PNG,), active_limit=ACTIVE_LIMIT, daily_limit=DAILY_LIMIT))
        except QuotaExceeded:
            assert not allowed
        else:
            assert allowed
            self.model[run.id] = run
            self.files[run.id] = 1

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def sent(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        may = run.state is RunState.RESERVED and not run.sent_at and not run.cancel_requested_at
        if self.race(
            lambda: self.store.runs.mark_sent(run.id, at=now, webhook=f"https://bot.example/{run.id}"), wins=may
        ):
            self.model[run.id] = replace(run, sent_at=now, webhook=f"https://bot.example/{run.id}")

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def unsent(self, data: st.DataObject) -> None:
        run = self.pick(data)
        may = run.state is RunState.RESERVED and run.sent_at is not None
        if self.race(lambda: self.store.runs.mark_unsent(run.id), wins=may):
            self.model[run.id] = replace(run, sent_at=None, webhook=None)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), prediction=PREDICTIONS)
    def submitted(self, data: st.DataObject, prediction: str) -> None:
        run = self.pick(data)
        taken = any(other.prediction_id == prediction for other in self.model.values())
        may = run.state is RunState.RESERVED and run.sent_at is not None and not taken
        if self.race(lambda: self.store.runs.mark_submitted(run.id, prediction_id=prediction), wins=may):
            self.model[run.id] = replace(run, state=RunState.SUBMITTED, prediction_id=prediction)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def running(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        may = run.state is RunState.SUBMITTED
        if self.race(lambda: self.store.runs.mark_running(run.id, started_at=now), wins=may):
            self.model[run.id] = replace(run, state=RunState.RUNNING, started_at=now)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), end=ENDS)
    def ended(self, data: st.DataObject, end: RunState) -> None:
        run, now = self.pick(data), self.clock.now()
        result: dict[str, Any] = {"failure": "It failed.", "cause": "test", "output": [run.id], "metrics": {"t": 1}}
        if self.race(lambda: self.store.runs.mark_ended(run.id, state=end, at=now, **result), wins=not run.ended_at):
            self.model[run.id] = replace(run, state=end, ended_at=now, **result)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        may = not run.ended_at and not run.cancel_requested_at
        if self.race(lambda: self.store.runs.request_cancel(run.id, by_id=MIA, at=now), wins=may):
            self.model[run.id] = replace(run, cancel_requested_at=now, canceled_by_id=MIA)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delivered(self, data: st.DataObject) -> None:
        run, now = self.pick(data), self.clock.now()
        may = run.ended_at is not None and run.delivered_at is None
        if self.race(lambda: self.store.runs.mark_delivered(run.id, at=now), wins=may):
            self.model[run.id] = replace(run, delivered_at=now, place=replace(run.place, token=""))
            if run.id in self.marked:
                self.bury(run.id)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), number=st.integers(0, 2), message=st.integers(1000, 1005))
    def message_sent(self, data: st.DataObject, number: int, message: int) -> None:
        run = self.pick(data)
        self.do(self.store.runs.mark_message_sent(run.id, number, message))
        self.model[run.id] = replace(run, messages={**run.messages, number: message})

    @rule(author=AUTHORS)
    def erase(self, author: int) -> None:
        mine = [run for run in self.model.values() if run.author_id == author]
        erased = self.do(self.store.runs.erase(author))
        over = [run.id for run in mine if run.delivered_at]
        going = [run.id for run in mine if not run.delivered_at]
        assert (erased.deleted, erased.pending) == (len(over), len(going))
        self.marked |= set(going)
        for run_id in over:
            self.bury(run_id)
        for run in self.model.values():
            if run.canceled_by_id == author:
                self.model[run.id] = replace(run, canceled_by_id=None)

    def bury(self, run_id: str) -> None:
        run = self.model.pop(run_id)
        if run.sent_at:
            self.remains.append((run.author_id, run.created_at))

    @rule(hours=st.tuples(*[st.sampled_from([None, 1, 24])] * 3))
    def prune(self, hours: tuple[int | None, int | None, int | None]) -> None:
        now = self.clock.now()
        spans = [None if hour is None else timedelta(hours=hour) for hour in hours]
        self.do(self.store.runs.delete_expired(now, prompts_for=spans[0], files_for=spans[1], runs_for=spans[2]))
        prompts, files, rows = (
            [run for run in self.model.values() if span and run.delivered_at and run.delivered_at <= now - span]
            for span in spans
        )
        for run in prompts:
            if run.forgotten_at is None:
                self.model[run.id] = replace(
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
            self.bury(run.id)

    @invariant()
    def the_store_agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        runs = self.store.runs
        known = sorted(self.model.values(), key=lambda run: (run.created_at, run.id))
        for author in (MIA, BOB):
            mine = [run for run in known if run.author_id == author]
            assert self.do(runs.list_recent(author, limit=99)) == tuple(reversed(mine))
            assert self.do(runs.list_active(author)) == tuple(run for run in mine if not run.ended_at)
            counts = self.do(runs.count_stored(author))
            assert (counts.runs, counts.files) == (len(mine), sum(self.files[run.id] for run in mine))
        assert self.do(runs.list_undelivered()) == tuple(run for run in known if not run.delivered_at)
        owners = self.do(runs.find_run_ids(["p1", "p2", "p3"]))
        assert owners == {run.prediction_id: run.id for run in known if run.prediction_id}
        for run in known:
            assert len(self.do(runs.load_files(run.id))) == self.files[run.id]


Life.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLife = Life.TestCase
