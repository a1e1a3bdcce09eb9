"""A run from its intent to its delivery, when nothing goes wrong."""

from datetime import timedelta

import pytest

from bot.backends.replicate.predictions import Status
from bot.errors import Refused
from bot.outputs.items import FileItem, TextItem
from bot.runs.snapshot import Phase
from bot.store.models import RunState
from tests.runs.world import WORDS, World, request

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 6))


async def test_images_arrive_one_by_one_and_the_end_is_delivered(world: World) -> None:
    run = await world.start(expected=3)
    assert (await world.row(run)).state is RunState.SUBMITTED
    made = world.replicate.only
    assert world.replicate.creates[0].cancel_after == world.policy.deadline

    made.begin(world.clock.now())
    await world.clock.advance(1.5)
    assert (await world.row(run)).state is RunState.RUNNING
    for number, url in enumerate(URLS[:3], start=1):
        made.emit(url)
        await world.clock.settle()
        page = world.page(run)
        assert page.progress.phase is Phase.RUNNING
        assert [part.name for part in page.items if isinstance(part, FileItem)] == [
            f"generate-{n:02d}.webp" for n in range(1, number + 1)
        ]
    made.end(Status.SUCCEEDED, world.clock.now(), output=list(URLS[:3]), metrics={"predict_time": 4.2})
    await world.clock.advance(0.5)

    row = await world.row(run)
    assert row.state is RunState.SUCCEEDED
    assert row.delivered_at is not None
    assert row.output == list(URLS[:3])
    assert row.metrics == {"predict_time": 4.2}
    assert world.page(run).final
    assert len(world.page(run).items) == 3
    assert all(times == 1 for times in world.fetched.values())


async def test_words_flow_in_and_the_get_decides_what_is_shown_last(world: World) -> None:
    run = await world.start(output_schema=WORDS)
    made = world.replicate.only
    made.begin(world.clock.now())
    for token in ("Once ", "upon ", "a "):
        made.emit(token)
    await world.clock.settle()
    assert world.page(run).items == (TextItem("Once upon a "),)
    made.end(Status.SUCCEEDED, world.clock.now(), output=["Once ", "upon ", "a ", "time."])
    await world.clock.advance(0.5)
    assert world.page(run).items == (TextItem("Once upon a time."),)


async def test_nobody_starts_a_run_while_the_bot_restarts(world: World) -> None:
    await world.engine.stop(timedelta(seconds=5))
    with pytest.raises(Refused, match="restarting"):
        await world.engine.start(request(world.clock))
