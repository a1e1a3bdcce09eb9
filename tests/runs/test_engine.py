"""A run from its start to its delivery, when nothing goes wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.backends.prediction import Status
from bot.outputs.items import FileItem, TextItem
from bot.runs.engine import Restarting
from bot.runs.snapshot import Phase
from bot.store.errors import StoreError
from bot.store.models import RunState, repeat_run
from tests.runs.environment import OTHER, TEXT, Environment

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 6))


async def test_images_arrive_one_by_one_and_are_delivered(env: Environment) -> None:
    run = await env.start(expected=3)
    assert (await env.row(run)).state is RunState.SUBMITTED
    prediction = env.replicate.only
    assert env.replicate.creates[0].cancel_after == env.policy.deadline

    prediction.start(env.clock.now())
    await env.clock.advance(1.5)
    assert (await env.row(run)).state is RunState.RUNNING
    for number, url in enumerate(URLS[:3], start=1):
        prediction.emit(url)
        await env.clock.settle()
        snapshot = env.snapshot(run)
        assert snapshot.progress.phase is Phase.RUNNING
        assert [part.name for part in snapshot.items if isinstance(part, FileItem)] == [
            f"generate-{n:02d}.webp" for n in range(1, number + 1)
        ]
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=list(URLS[:3]), metrics={"predict_time": 4.2})
    await env.clock.advance(0.5)

    row = await env.row(run)
    assert row.state is RunState.SUCCEEDED
    assert row.delivered_at is not None
    assert row.output == list(URLS[:3])
    assert row.metrics == {"predict_time": 4.2}
    assert env.snapshot(run).final
    assert len(env.snapshot(run).items) == 3
    assert all(times == 1 for times in env.downloads.values())


async def test_text_is_streamed_and_the_last_poll_decides(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    for token in ("Once ", "upon ", "a "):
        prediction.emit(token)
    await env.clock.settle()
    assert env.snapshot(run).items == (TextItem("Once upon a "),)
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=["Once ", "upon ", "a ", "time."])
    await env.clock.advance(0.5)
    assert env.snapshot(run).items == (TextItem("Once upon a time."),)


async def test_no_run_starts_while_the_bot_restarts(env: Environment) -> None:
    await env.engine.stop(timedelta(seconds=5))
    with pytest.raises(Restarting):
        await env.engine.start(env.new_run())


async def test_a_repeated_run_starts_from_scratch(env: Environment) -> None:
    run = await env.start(notes=("The image was rotated.",))
    env.replicate.only.end(Status.FAILED, env.clock.now(), error="boom")
    await env.clock.advance(1)
    ended = await env.row(run)
    assert ended.failure is not None
    changes: dict[str, Any] = {"id": "again", "author_id": OTHER, "notes": (), "place": run.place}
    assert repeat_run(ended, created_at=env.clock.now(), **changes) == env.new_run(**changes)


async def test_a_moved_run_goes_on_in_the_other_message(env: Environment) -> None:
    run = await env.start(expected=1)
    before = env.reply(run)
    place = replace(run.place, channel_id=30, message_id=40, guild_id=None, token="")
    assert await env.engine.move(run.id, place)
    assert before.abandoned
    assert (await env.row(run)).place == place
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(0.5)
    after = env.reply(run)
    assert after is not before
    assert (after.run.place, len(after.finished), before.finished) == (place, 1, [])
    assert len(env.replicate.creates) == 1
    assert not await env.engine.move(run.id, run.place)


async def test_a_run_that_cannot_be_moved_stays(env: Environment) -> None:
    run = await env.start(expected=1)
    env.runs.fail("mark_moved", StoreError("locked"))
    with pytest.raises(StoreError):
        await env.engine.move(run.id, replace(run.place, message_id=40))
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(0.5)
    assert (await env.row(run)).place.message_id == run.place.message_id
    assert env.reply(run).run.place == run.place
    assert len(env.reply(run).finished) == 1
