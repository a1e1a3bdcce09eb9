"""A cancel is exact: once, also when it is asked twice, early, late, or when Replicate does not take it."""

from bot.backends.replicate.errors import NoResponse
from bot.backends.replicate.predictions import Status
from bot.runs.engine import CancelResult
from bot.runs.snapshot import Phase
from bot.store.models import RunState
from tests.runs.world import World


async def test_a_running_prediction_is_cancelled_within_a_second(world: World) -> None:
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(5)
    assert await world.engine.cancel(run.id, by="7") is CancelResult.REQUESTED
    await world.clock.advance(1)
    assert world.replicate.only.cancels == 1
    row = await world.row(run)
    assert (row.state, row.cancel_requested_by) == (RunState.CANCELED, "7")
    assert row.delivered_at is not None


async def test_asking_twice_asks_once(world: World) -> None:
    world.replicate.cancels_at_once = False
    run = await world.start()
    assert await world.engine.cancel(run.id, by="7") is CancelResult.REQUESTED
    assert await world.engine.cancel(run.id, by="8") is CancelResult.ALREADY
    await world.clock.advance(30)
    assert world.replicate.only.cancels == 1
    assert (await world.row(run)).cancel_requested_by == "7"


async def test_after_the_end_there_is_nothing_to_stop_and_no_error(world: World) -> None:
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=["https://replicate.delivery/1.webp"])
    await world.clock.advance(1)
    assert await world.engine.cancel(run.id, by="7") is CancelResult.OVER
    assert await world.engine.cancel("nothing", by="7") is CancelResult.UNKNOWN


async def test_a_cancel_that_fails_is_asked_again_and_the_page_says_so(world: World) -> None:
    world.replicate.cancel_errors.extend([NoResponse("502")] * 3)
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(2)
    await world.engine.cancel(run.id, by="7")
    await world.clock.advance(2)
    page = world.page(run)
    assert page.progress.phase is Phase.CANCELING
    assert "asked again" in (page.progress.warning or "")
    await world.clock.advance(10)
    assert world.replicate.only.cancels == 4
    assert (await world.row(run)).state is RunState.CANCELED


async def test_a_cancelled_prediction_that_goes_on_is_watched_to_its_end(world: World) -> None:
    world.replicate.cancels_at_once = False
    run = await world.start()
    await world.engine.cancel(run.id, by="7")
    await world.clock.advance(20)
    assert world.page(run).progress.phase is Phase.CANCELING
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=["https://replicate.delivery/1.webp"])
    await world.clock.advance(2)
    row = await world.row(run)
    assert row.state is RunState.SUCCEEDED
    assert len(world.page(run).items) == 1


async def test_a_deleted_message_stops_its_run(world: World) -> None:
    run = await world.start()
    await world.view(run).gone()
    await world.clock.advance(1)
    row = await world.row(run)
    assert (row.state, row.cancel_requested_by) == (RunState.CANCELED, "message deleted")
    assert row.delivered_at is not None
    assert not world.view(run).finished


async def test_a_cancel_before_the_start_outlives_a_restart(world: World) -> None:
    world.replicate.cancels_at_once = False
    run = await world.start()
    await world.engine.cancel(run.id, by="7")
    await world.clock.settle()
    world.replicate.only.cancels = 0
    await world.restart()
    await world.clock.advance(3)
    assert world.replicate.only.cancels == 1
