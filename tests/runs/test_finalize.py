"""The end: one winner, the last files, and a last page that arrives."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.backends.replicate.predictions import Status
from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import LinkItem
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.errors import StoreError
from bot.store.models import Run, RunState
from tests.runs.world import World

URL = "https://replicate.delivery/1.webp"


async def ended(world: World) -> Run:
    run = await world.start()
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(0.5)
    return run


async def test_a_last_page_that_discord_does_not_take_is_sent_again(world: World) -> None:
    world.finishes.extend([DeliveryResult.LATER, RuntimeError("broken"), DeliveryResult.LATER])
    run = await ended(world)
    assert (await world.row(run)).delivered_at is None
    await world.clock.advance(10)
    assert (await world.row(run)).delivered_at is not None
    assert len(world.view(run).finished) == 1


async def test_a_message_that_is_gone_counts_as_delivered(world: World) -> None:
    world.finishes.append(DeliveryResult.GONE)
    run = await ended(world)
    assert (await world.row(run)).delivered_at is not None


async def test_a_last_page_is_not_tried_for_ever(world: World) -> None:
    world.finishes.extend([DeliveryResult.LATER] * 5000)
    run = await ended(world)
    await world.clock.advance(timedelta(hours=25).total_seconds())
    assert (await world.row(run)).delivered_at is not None


async def test_files_still_on_their_way_are_waited_for(world: World) -> None:
    world.slow.add(URL)
    run = await ended(world)
    assert world.page(run).progress.phase is Phase.DELIVERING
    assert (await world.row(run)).state is RunState.SUCCEEDED
    await world.clock.advance(world.policy.download_longest)
    (part,) = world.page(run).items
    assert isinstance(part, LinkItem)
    assert part.url == URL


async def test_a_database_that_is_busy_loses_no_move(world: World) -> None:
    for move in ("mark_submitted", "mark_running", "mark_ended", "mark_delivered"):
        world.runs.fail[move] = _failures(2)
    run = await world.start()
    await world.clock.advance(10)
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(10)
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(20)
    row = await world.row(run)
    assert (row.state, row.delivered_at is not None) == (RunState.SUCCEEDED, True)
    assert len(world.replicate.creates) == 1


async def test_who_did_not_win_the_end_shows_none(world: World) -> None:
    run = await world.start()
    await world.store.runs.mark_ended(run.id, state=RunState.FAILED, at=world.clock.now(), failure="Elsewhere.")
    world.replicate.only.end(Status.SUCCEEDED, world.clock.now(), output=[URL])
    await world.clock.advance(1)
    assert (await world.row(run)).failure == "Elsewhere."
    assert not world.view(run).finished
    assert world.view(run).closed == 1


@pytest.mark.parametrize("where", ["load_files", "mark_sent", "mark_running"])
async def test_what_nobody_expected_ends_the_run_with_a_sentence(
    world: World, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.runs.fail[where] = _failures(1, RuntimeError)
    given = Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")
    run = await world.start(input={"subject": "file:0"}, files=(given,))
    if world.replicate.made:
        world.replicate.only.begin(world.clock.now())
    await world.clock.advance(3)
    row = await world.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "internal")
    assert row.delivered_at is not None
    assert any(record.__dict__.get("run") == run.id for record in caplog.records)
    assert all(made.cancels == 1 for made in world.replicate.made.values())


async def test_one_run_that_breaks_leaves_the_others_alone(world: World) -> None:
    world.runs.fail["mark_sent"] = _failures(1, RuntimeError)
    broken = await world.start()
    other = await world.start(author_id=8)
    assert (await world.row(broken)).state is RunState.FAILED
    assert (await world.row(other)).state is RunState.SUBMITTED


async def test_a_prediction_that_cannot_be_written_down_is_not_left_running(world: World) -> None:
    world.runs.fail["mark_submitted"] = _failures(7)
    run = await world.start()
    world.replicate.only.begin(world.clock.now())
    await world.clock.advance(120)
    assert (await world.row(run)).cause == "internal"
    assert world.replicate.only.cancels == 1


def _failures(times: int, kind: Callable[[str], Exception] = StoreError) -> deque[Exception]:
    return deque(kind("broken") for _ in range(times))
