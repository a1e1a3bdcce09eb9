"""From a prediction to its end, whatever stream and GETs do."""

from datetime import timedelta
from pathlib import Path

from bot.backends.replicate.errors import NoResponse
from bot.backends.replicate.predictions import Status
from bot.outputs.items import TextItem
from bot.runs.snapshot import Phase
from bot.store.models import RunState
from tests.runs.world import WORDS, World

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 6))


async def test_without_a_stream_the_gets_bring_everything(world: World) -> None:
    world.replicate.has_streams = False
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    made.change(output=[URLS[0]])
    await world.clock.advance(1.5)
    assert len(world.page(run).items) == 1
    made.end(Status.SUCCEEDED, world.clock.now(), output=list(URLS[:2]))
    await world.clock.advance(2)
    assert len(world.page(run).items) == 2
    assert world.page(run).final


async def test_a_stream_that_cannot_be_had_leaves_the_gets(world: World) -> None:
    run = await world.start(output_schema=WORDS)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit("Once ")
    await world.clock.advance(0.1)
    made.break_stream()
    made.change(output=["Once ", "upon "])
    await world.clock.advance(2)
    assert world.page(run).items == (TextItem("Once upon "),)


async def test_a_cold_boot_of_ten_minutes_only_takes_time(world: World) -> None:
    run = await world.start()
    await world.clock.advance(600)
    assert world.page(run).progress.phase is Phase.STARTING
    made = world.replicate.only
    made.begin(world.clock.now())
    made.end(Status.SUCCEEDED, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(0.5)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert world.replicate.gets < 120


async def test_done_without_outputs_takes_them_from_the_get(world: World) -> None:
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(0.3)
    assert len(world.page(run).items) == 1


async def test_a_get_that_lags_behind_the_stream_is_asked_again_soon(world: World) -> None:
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    await world.clock.advance(100)
    made.emit(URLS[0])
    made.end(Status.PROCESSING, world.clock.now())
    await world.clock.advance(0.3)
    assert not world.page(run).final
    made.change(status=Status.SUCCEEDED, output=[URLS[0]])
    await world.clock.advance(0.5)
    assert world.page(run).final


async def test_what_was_made_before_a_cancel_stays_though_the_get_has_nothing(world: World) -> None:
    run = await world.start(expected=5)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit(URLS[0])
    made.emit(URLS[1])
    await world.clock.advance(1)
    await world.engine.cancel(run.id, by="7")
    await world.clock.advance(1)
    page = world.page(run)
    assert page.progress.phase is Phase.CANCELED
    assert len(page.items) == 2
    row = await world.row(run)
    assert row.output == [URLS[0], URLS[1]]
    assert row.failure is None


async def test_data_that_is_gone_is_shown_from_what_was_streamed(world: World) -> None:
    run = await world.start(output_schema=WORDS)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit("All of it")
    made.end(Status.SUCCEEDED, world.clock.now(), data_removed=True)
    await world.clock.advance(0.5)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert world.page(run).items == (TextItem("All of it"),)


async def test_data_that_is_gone_and_was_never_seen_is_said(world: World) -> None:
    world.replicate.has_streams = False
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), data_removed=True)
    await world.clock.advance(2)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "removed")


async def test_a_model_that_returns_nothing_succeeds_with_nothing(world: World) -> None:
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[])
    await world.clock.advance(0.5)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert not world.page(run).items


async def test_a_failure_says_why_and_keeps_what_was_made(world: World) -> None:
    run = await world.start(expected=2)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit(URLS[0])
    made.end(Status.FAILED, world.clock.now(), reason="error", error="CUDA out of memory. Tried to allocate 2 GiB")
    await world.clock.advance(0.5)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "memory")
    assert len(world.page(run).items) == 1


async def test_a_failure_whose_get_shows_less_keeps_what_was_streamed(world: World) -> None:
    run = await world.start(expected=3)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit(URLS[0])
    made.emit(URLS[1])
    made.end(Status.FAILED, world.clock.now(), reason="error", error="boom", output=[URLS[0]])
    await world.clock.advance(0.5)
    assert len(world.page(run).items) == 2


async def test_aborted_by_the_deadline_is_told_as_such(world: World) -> None:
    run = await world.start()
    await world.clock.advance(1799)
    world.replicate.only.end(Status.ABORTED, world.clock.now())
    await world.clock.advance(10)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.ABORTED, "aborted")
    assert "30 minutes" in (row.failure or "")


async def test_stopped_at_the_deadline_while_it_ran(world: World) -> None:
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(1800)
    world.replicate.only.end(Status.CANCELED, world.clock.now(), reason="canceled")
    await world.clock.advance(10)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.CANCELED, "deadline")


async def test_cancelled_on_the_website_is_told_as_such(world: World) -> None:
    run = await world.start()
    await world.clock.advance(5)
    world.replicate.only.end(Status.CANCELED, world.clock.now(), reason="canceled")
    await world.clock.advance(10)
    assert (await world.row(run)).cause == "elsewhere"


async def test_a_prediction_that_never_ends_is_cancelled_and_given_up(world: World) -> None:
    world.replicate.cancels_at_once = False
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(2100)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "overdue")
    assert world.replicate.only.cancels == 1


async def test_a_word_for_a_status_that_nobody_knew_is_waited_out(world: World) -> None:
    run = await world.start()
    made = world.replicate.only
    made.change(status=Status.OTHER)
    await world.clock.advance(30)
    assert not world.page(run).final
    made.end(Status.OTHER, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(10)
    assert (await world.row(run)).state is RunState.SUCCEEDED


async def test_gets_that_fail_for_minutes_lose_nothing(world: World) -> None:
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    world.replicate.get_errors.extend([NoResponse("502")] * 8)
    await world.clock.advance(60)
    assert "cannot be reached" in (world.page(run).progress.warning or "")
    made.end(Status.SUCCEEDED, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(200)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert world.page(run).progress.warning is None


async def test_a_prediction_that_replicate_forgot_ends_with_a_sentence(world: World) -> None:
    run = await world.start()
    made = world.replicate.made.pop(next(iter(world.replicate.made)))
    made.break_stream()
    await world.clock.advance(30)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "forgotten")


async def test_a_forgotten_prediction_whose_stream_was_done_keeps_its_result(world: World) -> None:
    run = await world.start(output_schema=WORDS)
    made = world.replicate.made.pop(next(iter(world.replicate.made)))
    made.emit("All of it")
    made.end(Status.SUCCEEDED, world.clock.now())
    await world.clock.advance(30)
    assert (await world.row(run)).state is RunState.SUCCEEDED
    assert world.page(run).items == (TextItem("All of it"),)


async def test_progress_comes_from_the_logs(world: World) -> None:
    run = await world.start(expected=5)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.emit(URLS[0])
    made.change(output=[URLS[0]], logs=" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]\n")
    await world.clock.advance(1.5)
    progress = world.page(run).progress
    assert (progress.done, progress.total, progress.step, progress.steps) == (1, 5, 3, 4)


async def test_a_step_is_forgotten_when_its_output_is_here(world: World) -> None:
    run = await world.start(expected=2)
    made = world.replicate.only
    made.begin(world.clock.now())
    made.change(logs=" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]\n")
    await world.clock.advance(1.5)
    assert world.page(run).progress.step == 3
    made.emit(URLS[0])
    await world.clock.settle()
    progress = world.page(run).progress
    assert (progress.done, progress.step) == (1, None)


async def test_looks_grow_rarer_as_a_run_grows_older(world: World) -> None:
    await world.start()
    await world.clock.advance(20)
    early = world.replicate.gets
    assert 15 <= early <= 21
    await world.clock.advance(600)
    assert world.replicate.gets - early < 100


async def test_with_webhooks_looks_are_a_safety_net(hooked: World) -> None:
    run = await hooked.start()
    assert hooked.replicate.creates[0].webhook == f"https://bot.example/webhooks/replicate/{run.id}"
    await hooked.clock.advance(300)
    assert hooked.replicate.gets <= 6


async def test_a_webhook_brings_the_end_at_once(hooked: World) -> None:
    run = await hooked.start()
    made = hooked.replicate.only
    made.change(status=Status.SUCCEEDED, completed_at=hooked.clock.now(), output=[URLS[0]])
    assert hooked.engine.wake(run.id, made.now)
    await hooked.clock.settle()
    assert (await hooked.row(run)).state is RunState.SUCCEEDED


async def test_a_webhook_alone_does_not_end_a_run(hooked: World) -> None:
    run = await hooked.start()
    made = hooked.replicate.only
    before = made.now
    made.change(status=Status.FAILED, completed_at=hooked.clock.now(), error="forged")
    told = made.now
    made.now = before
    hooked.engine.wake(run.id, told)
    await hooked.clock.settle()
    assert (await hooked.row(run)).state is RunState.SUBMITTED


async def test_webhooks_out_of_order_do_not_take_anything_back(hooked: World) -> None:
    run = await hooked.start(output_schema=WORDS)
    made = hooked.replicate.only
    old = made.now
    made.begin(hooked.clock.now())
    made.emit("Once upon")
    hooked.engine.wake(run.id, made.now)
    await hooked.clock.settle()
    hooked.engine.wake(run.id, old)
    await hooked.clock.settle()
    assert hooked.page(run).progress.phase is Phase.RUNNING
    assert hooked.page(run).items == (TextItem("Once upon"),)


async def test_a_thousand_runs_stay_within_the_gets_that_replicate_allows(world: World) -> None:
    pause = world.policy.poll_after(3.0, webhooks=False, active=1000)
    assert 1000 * 60 / pause <= world.policy.routine_looks_per_minute
    assert world.policy.deadline == timedelta(minutes=30)


async def test_a_clock_that_is_set_right_ends_nobodys_run(world: World) -> None:
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    await world.clock.advance(5)
    world.clock.set(world.clock.now() + timedelta(hours=3))
    await world.clock.advance(60)
    assert made.cancels == 0
    assert not world.page(run).final
    made.end(Status.SUCCEEDED, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(1)
    assert (await world.row(run)).state is RunState.SUCCEEDED


async def test_a_run_that_a_wrong_clock_wrote_down_is_still_stopped_past_its_deadline(world: World) -> None:
    await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    await world.clock.advance(5)
    world.clock.set(world.clock.now() - timedelta(days=400))
    await world.restart()
    await world.clock.advance(2000)
    assert made.cancels


async def test_a_run_that_waits_for_its_routine_look_hears_of_its_end_at_once(tmp_path: Path) -> None:
    world = await World.open(tmp_path, routine_looks_per_minute=3)
    run = await world.start()
    made = world.replicate.only
    made.begin(world.clock.now())
    for _ in range(3):
        world.engine.wake(run.id)
        await world.clock.advance(1)
    looks = world.replicate.gets
    await world.clock.advance(30)
    assert world.replicate.gets == looks >= 3
    made.end(Status.SUCCEEDED, world.clock.now(), output=[URLS[0]])
    await world.clock.advance(1)
    assert (await world.row(run)).delivered_at is not None
    await world.close()
