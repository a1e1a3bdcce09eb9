"""After a restart every run ends once: with one prediction and one final snapshot."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.errors import NoResponse
from bot.backends.prediction import Status
from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import TextItem
from bot.runs.recover import RecoveryStep, next_step
from bot.runs.snapshot import Phase
from bot.store.models import Run, RunState
from tests.clock import VirtualClock
from tests.runs.environment import AUTHOR, TEXT, Environment, make_run
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED, THROTTLED

URL = "https://replicate.delivery/1.webp"


async def test_killed_in_the_queue_it_is_sent_once(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    run = await env.start()
    assert await env.restart() == 1
    await env.clock.advance(10)
    assert (await env.row(run)).state is RunState.SUBMITTED
    assert len(env.replicate.by_id) == 1


async def test_killed_during_the_create_it_is_not_resent(env: Environment) -> None:
    env.replicate.create_delay = 10.0
    run = await env.start()
    await env.restart()
    await env.clock.advance(10)
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id
    assert len(env.replicate.creates) == 1


async def test_killed_before_the_create_arrived_it_is_not_resent(env: Environment) -> None:
    env.replicate.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    await env.restart()
    await env.clock.advance(130)
    assert (await env.row(run)).cause == "lost"
    assert len(env.replicate.creates) == 1


async def test_killed_while_running_it_keeps_the_streamed_text(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit("Once ")
    await env.clock.advance(2)
    await env.restart()
    prediction.emit("upon")
    await env.clock.advance(1.5)
    assert env.snapshot(run).items == (TextItem("Once upon"),)
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=["Once ", "upon"])
    await env.clock.advance(1)
    assert (await env.row(run)).delivered_at is not None


async def test_output_does_not_disappear_after_a_restart(env: Environment) -> None:
    run = await env.start(expected=3)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    urls = [f"https://replicate.delivery/{n}.webp" for n in (1, 2)]
    for url in urls:
        prediction.emit(url)
    await env.clock.advance(2)
    env.replicate.poll_errors.extend([NoResponse("502")] * 2)
    await env.restart()
    await env.clock.advance(10)
    assert env.reply(run).snapshots
    assert all(len(snapshot.items) == 2 for snapshot in env.reply(run).snapshots)


async def test_a_missing_file_holds_updates_back_briefly(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.change(output=[URL])
    await env.clock.advance(2)
    env.slow_downloads.add(URL)
    await env.restart()
    await env.clock.advance(10)
    assert not env.reply(run).snapshots
    await env.clock.advance(30)
    assert env.reply(run).snapshots


async def test_ended_while_the_bot_was_offline_it_is_delivered(env: Environment) -> None:
    run = await env.start()
    await env.kill()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(600)
    await env.restart()
    assert env.snapshot(run).progress.phase is Phase.SUCCEEDED
    assert len(env.snapshot(run).items) == 1


async def test_killed_before_delivery_it_is_delivered_from_the_row(env: Environment) -> None:
    env.slow_downloads.add(URL)
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(1)
    env.slow_downloads.clear()
    env.replicate.by_id.clear()
    await env.restart()
    assert len(env.snapshot(run).items) == 1
    assert (await env.row(run)).delivered_at is not None


async def test_an_expired_run_is_not_sent(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    run = await env.start()
    await env.kill()
    await env.clock.advance(env.policy.deadline.total_seconds() + 1)
    await env.restart()
    row = await env.row(run)
    assert (row.state, row.cause, row.sent_at) == (RunState.FAILED, "expired", None)


async def test_a_cancel_while_offline_ends_an_unsent_run(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    run = await env.start()
    await env.kill()
    await env.store.runs.request_cancel(run.id, by_id=AUTHOR, at=env.clock.now())
    await env.restart()
    assert (await env.row(run)).state is RunState.CANCELED
    assert not env.replicate.by_id


async def test_reconciling_resumes_after_a_restart(env: Environment) -> None:
    env.replicate.create_results.append(LOST_ANSWER)
    photo = Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")
    run = await env.start(input={"subject": "file:0"}, files=(photo,))
    await env.restart()
    await env.clock.advance(10)
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id


async def test_recovering_twice_recovers_nothing_twice(env: Environment) -> None:
    await env.start()
    assert await env.engine.recover() == 0
    await env.restart()
    assert await env.engine.recover() == 0


async def test_many_runs_are_recovered_within_seconds(created_url: str) -> None:
    env = await Environment.open(created_url, active_per_user=None)
    runs = [await env.engine.start(env.new_run(author_id=n)) for n in range(200)]
    await env.clock.settle()
    env.replicate.polls = 0
    recovering = asyncio.create_task(env.restart())
    for _ in range(5):
        await env.clock.advance(1)
    assert await recovering == 200
    assert env.replicate.polls >= 200
    await env.clock.advance(60)
    assert env.replicate.polls <= env.policy.polls_per_minute
    assert all(env.snapshot(run).progress.phase is Phase.STARTING for run in runs)
    await env.close()


times = st.integers(-3000, 3000).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
moments = st.none() | times


@given(
    state=st.sampled_from(RunState),
    created=times,
    sent=moments,
    cancel=moments,
    delivered=moments,
    prediction=st.none() | st.just("p"),
)
def test_every_row_has_exactly_one_next_step(
    *,
    state: RunState,
    created: datetime,
    sent: datetime | None,
    cancel: datetime | None,
    delivered: datetime | None,
    prediction: str | None,
) -> None:
    clock = VirtualClock()
    run = make_run(clock, id="r", created_at=created)
    whole: dict[str, Any] = {name: getattr(run, name) for name in run.__dataclass_fields__}
    whole |= {"state": state, "sent_at": sent, "cancel_requested_at": cancel, "delivered_at": delivered}
    step = next_step(Run(**whole | {"prediction_id": prediction}), clock.now(), expire_after=timedelta(minutes=30))
    if step in (RecoveryStep.CREATE, RecoveryStep.EXPIRE, RecoveryStep.CANCEL):
        assert sent is None
        assert prediction is None
        assert not state.terminal
    if step is RecoveryStep.CREATE:
        assert cancel is None
    if delivered is None:
        assert step is not RecoveryStep.NOTHING
    if state.terminal and delivered is None:
        assert step is RecoveryStep.DELIVER


@pytest.mark.parametrize("grace", [0.0, 5.0])
async def test_a_clean_stop_leaves_runs_to_the_next_start(env: Environment, grace: float) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(2)
    await env.engine.stop(timedelta(seconds=grace))
    assert env.reply(run).closed == 1
    assert (await env.row(run)).state is RunState.RUNNING
    await env.restart()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(2)
    assert (await env.row(run)).delivered_at is not None


async def test_a_stop_waits_for_a_create_in_flight(env: Environment) -> None:

    env.replicate.create_delay = 2.0
    run = await env.start()
    stopping = asyncio.create_task(env.engine.stop(timedelta(seconds=10)))
    await env.clock.advance(10)
    await stopping
    assert (await env.row(run)).prediction_id is not None


async def test_runs_are_recovered_a_few_at_a_time(created_url: str) -> None:
    env = await Environment.open(created_url, concurrent_recoveries=2, recovery_timeout=5.0)
    runs = [await env.start(author_id=number) for number in range(5)]
    for prediction in env.replicate.by_id.values():
        prediction.start(env.clock.now())
    await env.kill()
    hung = env.replicate.polls_blocked = asyncio.Event()
    recovering = asyncio.create_task(env.restart())
    await env.clock.advance(1)
    assert sum(len(env.replies[run.id]) - 1 for run in runs) == 2
    await env.clock.advance(6)
    assert sum(len(env.replies[run.id]) - 1 for run in runs) == 4
    hung.set()
    await env.clock.advance(25)
    assert await recovering == 5
    assert all(env.reply(run).snapshots for run in runs)
    await env.close()
