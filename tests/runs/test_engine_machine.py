"""Anything in any order, and the process killed in between: no run is lost, and none is paid for twice."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.backends.replicate.errors import InsufficientCredit, NoResponse
from bot.backends.replicate.predictions import Status
from bot.runs.engine import CancelResult
from bot.runs.snapshot import DeliveryResult
from bot.store.models import Run, RunState
from tests.runs.replicate import LOST_ANSWER, NEVER_ARRIVED, REFUSED_CONNECTION, THROTTLED
from tests.runs.world import World

URL = "https://replicate.delivery/{}.webp"
REFUSED = InsufficientCredit(status=402, title="Insufficient credit", detail="no")
ENDS = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


class EngineMachine(RuleBasedStateMachine):
    """One engine and its deaths."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.runs: list[str] = []
        self.ends: dict[str, Run] = {}
        self.free: set[str] = set()  # cancelled before anything was sent

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(webhooks=st.booleans(), streams=st.booleans(), answer_after=st.sampled_from([0.0, 0.0, 8.0]))
    def begin(self, *, webhooks: bool, streams: bool, answer_after: float) -> None:
        base = "https://bot.example" if webhooks else None
        folder = Path(self.folder.name)
        self.world = self._do(World.open(folder, active_per_user=None, webhook_base=base, creates_per_minute=6))
        self.world.replicate.has_streams = streams
        self.world.replicate.answer_after = answer_after

    @rule(author=st.integers(1, 3))
    def start(self, author: int) -> None:
        prompt = f"prompt {len(self.runs) + 1}"
        run = self._do(self.world.start(author_id=author, input={"prompt": prompt}, prompt=prompt))
        self.runs.append(run.id)

    @rule(outcome=st.sampled_from([LOST_ANSWER, NEVER_ARRIVED, THROTTLED, REFUSED_CONNECTION, REFUSED]))
    def next_create_meets(self, outcome: Any) -> None:
        self.world.replicate.outcomes.append(outcome)

    @rule(where=st.sampled_from(["get_errors", "cancel_errors", "list_errors"]))
    def next_call_fails(self, where: str) -> None:
        getattr(self.world.replicate, where).append(NoResponse("502"))

    @rule(outcome=st.sampled_from([DeliveryResult.LATER, DeliveryResult.GONE, None]))
    def next_last_page_meets(self, outcome: DeliveryResult | None) -> None:
        self.world.finishes.append(outcome or RuntimeError("broken"))

    @precondition(lambda self: self.world.replicate.made)
    @rule(data=st.data(), what=st.sampled_from(["begin", "emit", "output", "end", "break"]))
    def prediction_goes_on(self, data: st.DataObject, what: str) -> None:
        made = data.draw(st.sampled_from(list(self.world.replicate.made.values())))
        if made.now.status.terminal:
            return
        now = self.world.clock.now()
        outputs = sum(len(gulp.outputs) for gulp in made.gulps)
        match what:
            case "begin":
                made.begin(now)
            case "emit":
                made.emit(URL.format(outputs))
            case "output":
                made.change(output=[URL.format(number) for number in range(outputs + 1)])
            case "end":
                made.end(data.draw(st.sampled_from(ENDS)), now, output=made.now.output)
            case _:
                made.break_stream()
        self._do(self.world.clock.settle())

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def webhook_comes(self, data: st.DataObject) -> None:
        made = list(self.world.replicate.made.values())
        prediction = data.draw(st.sampled_from([None, *(one.now for one in made)]))
        run_id = data.draw(st.sampled_from(self.runs))

        async def wake() -> None:
            self.world.engine.wake(run_id, prediction)
            await self.world.clock.settle()

        self._do(wake())

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self.runs))
        before = self._do(self.world.row(run_id))
        answer = self._do(self.world.engine.cancel(run_id, by="7"))
        assert (answer is CancelResult.OVER) == before.state.terminal
        if answer is CancelResult.REQUESTED and before.sent_at is None:
            self.free.add(run_id)
        self._do(self.world.clock.settle())

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def message_is_deleted(self, data: st.DataObject) -> None:
        self._do(self.world.views[data.draw(st.sampled_from(self.runs))][-1].gone())
        self._do(self.world.clock.settle())

    @rule(seconds=st.sampled_from([0.3, 2.0, 20.0, 120.0]))
    def time_passes(self, seconds: float) -> None:
        self._do(self.world.clock.advance(seconds))

    @rule()
    def the_process_is_killed(self) -> None:
        self._do(self.world.restart())

    @rule(away=st.sampled_from([0.0, 60.0, 4000.0]), grace=st.sampled_from([0.0, 5.0]))
    def the_bot_is_stopped_for_a_while(self, away: float, grace: float) -> None:
        async def stop() -> None:
            stopping = asyncio.ensure_future(self.world.engine.stop(timedelta(seconds=grace)))
            await self.world.clock.advance(grace + 1)
            await stopping
            await self.world.clock.advance(away)
            await self.world.restart()

        self._do(stop())

    @invariant()
    def nothing_is_sent_again_that_was_perhaps_accepted(self) -> None:
        made = Counter(one.now.input["prompt"] for one in self.world.replicate.made.values())
        assert all(times == 1 for times in made.values())
        perhaps = Counter(create.input["prompt"] for create in self.world.replicate.creates if create.perhaps)
        assert all(times == 1 for times in perhaps.values())

    @invariant()
    def predictions_belong_to_their_own_runs(self) -> None:
        for run_id in self.runs:
            row = self._do(self.world.row(run_id))
            if row.prediction_id is not None:
                assert self.world.replicate.made[row.prediction_id].now.input["prompt"] == row.prompt
            if row.state.terminal:
                end = self.ends.setdefault(run_id, row)
                assert (end.state, end.ended_at, end.failure) == (row.state, row.ended_at, row.failure)
            if row.delivered_at is not None:
                assert row.state.terminal
                assert sum(len(view.finished) for view in self.world.views[run_id]) <= 1

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self._do(self._come_to_an_end())
            self._do(self.world.close())
        self.loop.close()
        self.folder.cleanup()

    async def _come_to_an_end(self) -> None:
        replicate = self.world.replicate
        for errors in (replicate.get_errors, replicate.cancel_errors, replicate.list_errors, self.world.finishes):
            errors.clear()
        replicate.outcomes.clear()
        for _ in range(30):
            for made in replicate.made.values():
                if not made.now.status.terminal:
                    made.end(Status.SUCCEEDED, self.world.clock.now(), output=[URL.format(1)])
            await self.world.clock.advance(60)
        for run_id in self.runs:
            row = await self.world.row(run_id)
            assert row.delivered_at is not None, f"{run_id} is lost: {row}"
            assert row.failure is None or row.cause is not None
            if run_id in self.free:
                assert row.state in (RunState.CANCELED, RunState.FAILED)
                assert all(made.now.input["prompt"] != row.prompt for made in replicate.made.values())


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
