"""Anything in any order, and the process killed in between: no run is lost, and none is paid for twice."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.backends.errors import BackendError, InsufficientCredit, NoResponse
from bot.backends.prediction import Status
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.errors import StoreError
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, Environment
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED, REFUSED_CONNECTION, THROTTLED
from tests.store.databases import create_database, empty_folder

T = TypeVar("T")

URL = "https://replicate.delivery/{}.webp"
REFUSED = InsufficientCredit(status=402, title="Insufficient credit", detail="no")
_STORE_METHODS = (
    *("mark_sent", "mark_unsent", "mark_submitted", "mark_running", "mark_ended", "mark_delivered"),
    *("request_cancel", "find_run_ids", "list_files"),
)
ENDS = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


class EngineMachine(RuleBasedStateMachine):
    """One engine, killed and restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.run_ids: list[str] = []
        self.ended: dict[str, Run] = {}
        self.canceled_unsent: set[str] = set()

    def _do(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(webhooks=st.booleans(), streams=st.booleans(), create_delay=st.sampled_from([0.0, 0.0, 8.0]))
    def open(self, *, webhooks: bool, streams: bool, create_delay: float) -> None:
        base = "https://bot.example" if webhooks else None
        self.env = self._do(
            Environment.open(
                create_database(empty_folder()), active_per_user=None, webhook_base=base, creates_per_minute=6
            )
        )
        self.env.replicate.has_streams = streams
        self.env.replicate.create_delay = create_delay

    @rule(author=st.integers(1, 3))
    def start(self, author: int) -> None:
        prompt = f"prompt {len(self.run_ids) + 1}"
        run = self._do(self.env.start(author_id=author, input={"prompt": prompt}, prompt=prompt))
        self.run_ids.append(run.id)

    @rule(result=st.sampled_from([LOST_ANSWER, NEVER_ARRIVED, THROTTLED, REFUSED_CONNECTION, REFUSED]))
    def let_a_create_fail(self, result: str | BackendError) -> None:
        self.env.replicate.create_results.append(result)

    @rule(errors=st.sampled_from(["poll_errors", "cancel_errors", "list_errors"]))
    def let_a_request_fail(self, errors: str) -> None:
        getattr(self.env.replicate, errors).append(NoResponse("502"))

    @rule(
        method=st.sampled_from(_STORE_METHODS),
        times=st.sampled_from([1, 10, 30]),
    )
    def let_the_store_fail(self, method: str, times: int) -> None:
        self.env.runs.fail(method, StoreError("disk full"), times=times)

    @rule(result=st.sampled_from([DeliveryResult.LATER, DeliveryResult.GONE, None]))
    def let_a_delivery_fail(self, result: DeliveryResult | None) -> None:
        self.env.delivery_results.append(result or RuntimeError("broken"))

    @precondition(lambda self: self.env.replicate.by_id)
    @rule(data=st.data(), change=st.sampled_from(["start", "emit", "output", "end", "break"]))
    def change_a_prediction(self, data: st.DataObject, change: str) -> None:
        prediction = data.draw(st.sampled_from(list(self.env.replicate.by_id.values())))
        if prediction.now.status.terminal:
            return
        now = self.env.clock.now()
        outputs = sum(len(batch.outputs) for batch in prediction.batches)
        match change:
            case "start":
                prediction.start(now)
            case "emit":
                prediction.emit(URL.format(outputs))
            case "output":
                prediction.change(output=[URL.format(number) for number in range(outputs + 1)])
            case "end":
                prediction.end(data.draw(st.sampled_from(ENDS)), now, output=prediction.now.output)
            case _:
                prediction.break_stream()
        self._do(self.env.clock.settle())

    @precondition(lambda self: self.run_ids)
    @rule(data=st.data())
    def receive_a_webhook(self, data: st.DataObject) -> None:
        known = [prediction.now for prediction in self.env.replicate.by_id.values()]
        prediction = data.draw(st.sampled_from([None, *known]))
        run_id = data.draw(st.sampled_from(self.run_ids))

        async def receive() -> None:
            self.env.engine.on_webhook(run_id, prediction)
            await self.env.clock.settle()

        self._do(receive())

    @precondition(lambda self: self.run_ids)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self.run_ids))
        before = self._do(self.env.row(run_id))
        try:
            result = self._do(self.env.engine.cancel(run_id, by=AUTHOR))
        except StoreError:  # of a run that is not in memory; the person is told
            return
        if before.state.terminal:
            assert result is CancelResult.ALREADY_ENDED
        elif result is CancelResult.ALREADY_ENDED:
            assert self.env.engine.stats().phases[Phase.DELIVERING], "its end is not on disk, nor about to be"
        if result is CancelResult.REQUESTED and before.sent_at is None:
            self.canceled_unsent.add(run_id)
        self._do(self.env.clock.settle())

    @precondition(lambda self: self.run_ids)
    @rule(data=st.data())
    def delete_a_message(self, data: st.DataObject) -> None:
        reply = self.env.replies[data.draw(st.sampled_from(self.run_ids))][-1]

        async def delete() -> None:
            with suppress(StoreError):  # of a run that is not in memory
                await reply.delete()

        self._do(delete())
        self._do(self.env.clock.settle())

    @rule(seconds=st.sampled_from([0.3, 2.0, 20.0, 120.0]))
    def wait(self, seconds: float) -> None:
        self._do(self.env.clock.advance(seconds))

    @rule()
    def kill(self) -> None:
        self._do(self.env.restart())

    @rule(offline=st.sampled_from([0.0, 60.0, 4000.0]), grace=st.sampled_from([0.0, 5.0]))
    def stop(self, offline: float, grace: float) -> None:
        async def stop() -> None:
            stopping = asyncio.ensure_future(self.env.engine.stop(timedelta(seconds=grace)))
            await self.env.clock.advance(grace + 1)
            await stopping
            await self.env.clock.advance(offline)
            await self.env.restart()

        self._do(stop())

    @invariant()
    def nothing_that_may_exist_is_sent_again(self) -> None:
        predictions = Counter(one.now.input["prompt"] for one in self.env.replicate.by_id.values())
        assert all(times == 1 for times in predictions.values())
        creates = Counter(create.input["prompt"] for create in self.env.replicate.creates if create.may_exist)
        assert all(times == 1 for times in creates.values())

    @invariant()
    def rows_are_consistent(self) -> None:
        for run_id in self.run_ids:
            row = self._do(self.env.row(run_id))
            if row.prediction_id is not None:
                assert self.env.replicate.by_id[row.prediction_id].now.input["prompt"] == row.prompt
            if row.state.terminal:
                ended = self.ended.setdefault(run_id, row)
                assert (ended.state, ended.ended_at, ended.failure) == (row.state, row.ended_at, row.failure)
            if row.delivered_at is not None:
                assert row.state.terminal

    @invariant()
    def results_are_sent_once(self) -> None:
        for run_id in self.run_ids:
            assert all(len(reply.finished) <= 1 for reply in self.env.replies[run_id])

    def teardown(self) -> None:
        if hasattr(self, "env"):
            self._do(self._bring_to_end())
            self._do(self.env.close())
        self.loop.close()

    async def _bring_to_end(self) -> None:
        replicate = self.env.replicate
        for errors in (replicate.poll_errors, replicate.cancel_errors, replicate.list_errors):
            errors.clear()
        self.env.delivery_results.clear()
        self.env.runs.failures.clear()
        replicate.create_results.clear()
        for attempt in range(30):
            if attempt == 15:  # what a reply could not deliver because of an error of its own
                await self.env.restart()
            for prediction in replicate.by_id.values():
                if not prediction.now.status.terminal:
                    prediction.end(Status.SUCCEEDED, self.env.clock.now(), output=[URL.format(1)])
            await self.env.clock.advance(60)
        for run_id in self.run_ids:
            row = await self.env.row(run_id)
            assert row.delivered_at is not None, f"{run_id} is lost: {row}"
            assert row.failure is None or row.cause is not None
            if run_id in self.canceled_unsent:
                assert row.state in (RunState.CANCELED, RunState.FAILED)
                assert all(one.now.input["prompt"] != row.prompt for one in replicate.by_id.values())


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
