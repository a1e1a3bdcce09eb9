"""After a restart every run ends once: one prediction, one last page."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.replicate.errors import NoResponse
from bot.backends.replicate.predictions import Status
from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import TextItem
from bot.runs.recover import RecoveryStep, next_step
from bot.runs.snapshot import Phase
from bot.store.models import Run, RunState
from tests.clock import VirtualClock
from tests.runs.replicate import LOST_ANSWER, NEVER_ARRIVED, THROTTLED
from tests.runs.world import WORDS, World, request

URL = "https://replicate.delivery/1.webp"


async def test_killed_in_line_it_is_sent_once(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    run = await world.start()
    assert await world.restart() == 1
    await world.clock.advance(10)
    assert (await world.row(run)).state is RunState.SUBMITTED
    assert len(world.replicate.made) == 1


async def test_killed_while_the_create_was_under_way_it_is_not_sent_again(world: World) -> None:
    world.replicate.answer_after = 10.0
    run = await world.start()
    await world.restart()
    await world.clock.advance(10)
    assert (await world.row(run)).prediction_id == world.replicate.only.now.id
    assert len(world.replicate.creates) == 1


async def test_killed_before_the_create_arrived_it_is_not_sent_again(world: World) -> None:
    world.replicate.outcomes.append(NEVER_ARRIVED)
    run = await world.start()
    await world.restart()
    await world.clock.advance(130)
    assert (await world.row(run)).cause == "lost"
    assert len(world.replicate.creates) == 1


async def test_killed_while_it_ran_it_goes_on_with_what_was_streamed(world: World) -> None:
    run = await world.start(output_schema=WORDS)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit("Once ")
    await world.clock.advance(2)
    await world.restart()
    made.emit("upon")
    await world.clock.advance(1.5)
    assert world.page(run).items == (TextItem("Once upon"),)
    made.end(Status.SUCCEEDED, world.clock.now(), output=["Once ", "upon"])
    await world.clock.advance(1)
    assert (await world.row(run)).delivered_at is not None


async def test_what_people_see_does_not_vanish_over_a_restart(world: World) -> None:
    run = await world.start(expected=3)
    made = world.replicate.only
    made.begin(world.clock.now())
    urls = [f"https://replicate.delivery/{n}.webp" for n in (1, 2)]
    for url in urls:
        made.emit(url)
    await world.clock.advance(2)
    world.replicate.get_errors.extend([NoResponse("502")] * 2)
    await world.restart()
    await world.clock.advance(10)
    assert world.view(run).pages
    assert all(len(page.items) == 2 for page in world.view(run).pages)


async def test_a_file_that_does_not_come_back_does_not_hush_a_run_for_long(world: World) -> None:
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    made.change(output=[URL])
    await world.clock.advance(2)
    world.slow.add(URL)
    await world.restart()
    await world.clock.advance(10)
    assert not world.view(run).pages
    await world.clock.advance(30)
    assert world.view(run).pages


async def test_ended_while_the_bot_was_away_it_is_delivered(world: World) -> None:
    run = await world.start()
    await world.kill()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(600)
    await world.restart()
    assert world.page(run).progress.phase is Phase.SUCCEEDED
    assert len(world.page(run).items) == 1


async def test_killed_between_the_end_and_its_delivery_it_is_delivered_from_the_row(world: World) -> None:
    world.slow.add(URL)
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(1)
    world.slow.clear()
    world.replicate.made.clear()
    await world.restart()
    assert len(world.page(run).items) == 1
    assert (await world.row(run)).delivered_at is not None


async def test_a_run_that_nobody_waits_for_any_more_is_not_sent(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    run = await world.start()
    await world.kill()
    await world.clock.advance(world.policy.deadline.total_seconds() + 1)
    await world.restart()
    row = await world.row(run)
    assert (row.state, row.cause, row.sent_at) == (RunState.FAILED, "expired", None)


async def test_a_cancel_asked_for_while_the_bot_was_away_stops_an_unsent_run(world: World) -> None:
    world.replicate.outcomes.append(THROTTLED)
    run = await world.start()
    await world.kill()
    await world.store.runs.request_cancel(run.id, by="7", at=world.clock.now())
    await world.restart()
    assert (await world.row(run)).state is RunState.CANCELED
    assert not world.replicate.made


async def test_a_lost_prediction_is_looked_for_again_after_a_restart(world: World) -> None:
    world.replicate.outcomes.append(LOST_ANSWER)
    given_file = Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")
    await world.kill()
    run = await world.start(input={"subject": "file:0"}, files=(given_file,))
    await world.restart()
    await world.clock.advance(10)
    assert (await world.row(run)).prediction_id == world.replicate.only.now.id


async def test_recovering_twice_takes_nothing_twice(world: World) -> None:
    await world.start()
    assert await world.engine.recover() == 0
    await world.restart()
    assert await world.engine.recover() == 0


async def test_many_unfinished_runs_are_followed_again_within_seconds(tmp_path: Any) -> None:
    world = await World.open(tmp_path, active_per_user=None)
    runs = [await world.engine.start(request(world.clock, author_id=n)) for n in range(200)]
    await world.clock.settle()
    world.replicate.gets = 0
    recovering = asyncio.create_task(world.restart())
    for _ in range(5):
        await world.clock.advance(1)
    assert await recovering == 200
    assert world.replicate.gets >= 200
    await world.clock.advance(60)
    assert world.replicate.gets <= world.policy.looks_per_minute
    assert all(world.page(run).progress.phase is Phase.STARTING for run in runs)
    await world.close()


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
    run = request(clock).reserve("r", created)
    whole: dict[str, Any] = {name: getattr(run, name) for name in run.__dataclass_fields__}
    whole |= {"state": state, "sent_at": sent, "cancel_requested_at": cancel, "delivered_at": delivered}
    step = next_step(Run(**whole | {"prediction_id": prediction}), clock.now(), patience=timedelta(minutes=30))
    if step in (RecoveryStep.SEND, RecoveryStep.EXPIRE, RecoveryStep.STOP):
        assert sent is None
        assert prediction is None
        assert not state.terminal
    if step is RecoveryStep.SEND:
        assert cancel is None
    if delivered is None:
        assert step is not RecoveryStep.NOTHING
    if state.terminal and delivered is None:
        assert step is RecoveryStep.DELIVER


@pytest.mark.parametrize("grace", [0.0, 5.0])
async def test_a_clean_stop_leaves_the_rows_for_the_next_start(world: World, grace: float) -> None:
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(2)
    await world.engine.stop(timedelta(seconds=grace))
    assert world.view(run).closed == 1
    assert (await world.row(run)).state is RunState.RUNNING
    await world.restart()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(2)
    assert (await world.row(run)).delivered_at is not None


async def test_a_stop_lets_a_create_that_is_under_way_come_to_its_answer(world: World) -> None:

    world.replicate.answer_after = 2.0
    run = await world.start()
    stopping = asyncio.create_task(world.engine.stop(timedelta(seconds=10)))
    await world.clock.advance(10)
    await stopping
    assert (await world.row(run)).prediction_id is not None


async def test_many_runs_are_taken_up_a_few_at_a_time_and_one_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    world = await World.open(tmp_path, recovered_at_once=2, recovered_within=5.0)
    runs = [await world.start(author_id=number) for number in range(5)]
    for made in world.replicate.made.values():
        made.begin(world.clock.now())
    await world.kill()
    hung = world.replicate.get_hangs = asyncio.Event()
    recovering = asyncio.create_task(world.restart())
    await world.clock.advance(1)
    assert sum(len(world.views[run.id]) - 1 for run in runs) == 2
    await world.clock.advance(6)
    assert sum(len(world.views[run.id]) - 1 for run in runs) == 4
    hung.set()
    await world.clock.advance(25)
    assert await recovering == 5
    assert all(world.view(run).pages for run in runs)
    await world.close()
