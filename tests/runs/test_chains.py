"""A chain's steps run one after the other, each once, whatever happens between two of them."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.backends.prediction import Status
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import DeliveryResult, Phase
from bot.store.errors import StoreError
from bot.store.models import RunState
from tests.runs.chains import NAMES, URL, finished, start_chain, succeed, until
from tests.runs.environment import Environment
from tests.store.samples import load_files


@pytest.fixture
async def env(created_url: str, tmp_path: Path) -> AsyncIterator[Environment]:
    environment = await Environment.open(created_url)
    environment.picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8), "red").save(environment.picture)
    yield environment
    await environment.close()


async def test_each_step_is_given_the_picture_before_it(env: Environment) -> None:
    run = await start_chain(env)
    for number in (1, 2, 3):
        await succeed(env, number)
    last = await finished(env, "c-3")

    assert last.state is RunState.SUCCEEDED
    assert [one.command for one in (await env.row("c"), await env.row("c-2"), last)] == list(NAMES)
    assert last.place.message_id == run.place.message_id
    assert last.chain is not None
    assert [step.run_id for step in last.chain.earlier] == ["c", "c-2"]
    (given,) = await load_files(env.store.runs, "c-3")
    assert Image.open(io.BytesIO(given.data)).size == (8, 8)
    assert len(env.replicate.creates) == 3
    assert await env.store.runs.cancel_chain("c", by_id=None, at=env.clock.now()) is None, "the chain is over"


async def test_a_failed_step_ends_the_chain(env: Environment) -> None:
    await start_chain(env)
    await succeed(env, 1)
    await until(env, lambda: len(env.replicate.by_id) == 2)
    list(env.replicate.by_id.values())[1].end(Status.FAILED, env.clock.now(), error="boom")
    assert (await finished(env, "c-2")).state is RunState.FAILED
    await env.clock.advance(60)
    assert len(env.replicate.creates) == 2
    assert await env.store.runs.get("c-3") is None


async def test_a_step_without_a_picture_costs_nothing(env: Environment) -> None:
    await start_chain(env)
    await succeed(env, 1, output=())
    second = await finished(env, "c-2")
    assert (second.state, second.cause, second.sent_at) == (RunState.FAILED, "step_picture", None)
    assert len(env.replicate.creates) == 1


async def test_a_picture_that_cannot_be_read_is_explained(env: Environment) -> None:
    assert env.picture is not None
    env.picture.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    await start_chain(env)
    await succeed(env, 1)
    second = await finished(env, "c-2")
    assert (second.state, second.cause) == (RunState.FAILED, "step_picture")
    assert "damaged" in (second.failure or "")
    assert len(env.replicate.creates) == 1


async def test_a_limit_reached_between_two_steps_ends_it(created_url: str, tmp_path: Path) -> None:
    env = await Environment.open(created_url, per_day=1)
    env.picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(env.picture)
    await start_chain(env)
    await succeed(env, 1)
    second = await finished(env, "c-2")
    assert (second.state, second.cause, second.sent_at) == (RunState.FAILED, "step_limit", None)
    assert len(env.replicate.creates) == 1
    await env.close()


async def test_a_cancel_stops_the_step_and_starts_no_more(env: Environment) -> None:
    await start_chain(env)
    await until(env, lambda: len(env.replicate.by_id) == 1)
    assert await env.engine.cancel("c", by=7) is CancelResult.REQUESTED
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])  # faster than the cancel
    second = await finished(env, "c-2")
    assert (second.state, second.canceled_by_id) == (RunState.CANCELED, 7)
    assert len(env.replicate.creates) == 1


async def test_a_cancel_of_an_earlier_step_stops_the_current(env: Environment) -> None:
    await start_chain(env)
    await succeed(env, 1)
    await until(env, lambda: len(env.replicate.by_id) == 2)
    assert await env.engine.cancel("c", by=7) is CancelResult.REQUESTED
    second = await finished(env, "c-2")
    assert (second.state, second.canceled_by_id) == (RunState.CANCELED, 7)
    assert await env.engine.cancel("c", by=7) is CancelResult.ALREADY_ENDED
    assert await env.store.runs.get("c-3") is None


async def test_a_cancel_after_the_end_of_a_step_is_kept(env: Environment) -> None:
    await start_chain(env)
    env.delivery_results.extend([DeliveryResult.LATER] * 3)
    await succeed(env, 1)
    await until(env, lambda: env.engine.stats().phases.get(Phase.SUCCEEDED, 0) == 1)
    assert await env.engine.cancel("c", by=7) is CancelResult.REQUESTED
    assert await env.engine.cancel("c", by=7) is CancelResult.ALREADY_REQUESTED
    second = await finished(env, "c-2")
    assert (second.state, second.canceled_by_id) == (RunState.CANCELED, 7)
    assert len(env.replicate.creates) == 1


async def test_a_message_that_is_gone_ends_the_chain(env: Environment) -> None:
    await start_chain(env)
    env.delivery_results.append(DeliveryResult.GONE)
    await succeed(env, 1)
    assert (await finished(env, "c")).delivered_at is not None
    await env.clock.advance(60)
    assert await env.store.runs.get("c-2") is None
    assert len(env.replicate.creates) == 1


async def test_killed_before_a_step_is_delivered(env: Environment) -> None:
    await start_chain(env)
    env.delivery_results.extend([DeliveryResult.LATER] * 2)
    await succeed(env, 1)
    await until(env, lambda: env.engine.stats().phases.get(Phase.SUCCEEDED, 0) == 1)
    await env.restart()
    await succeed(env, 2)
    await succeed(env, 3)
    assert (await finished(env, "c-3")).state is RunState.SUCCEEDED
    assert len(env.replicate.creates) == 3


async def test_killed_after_the_next_step_is_reserved(env: Environment) -> None:
    await start_chain(env)
    env.runs.stall("mark_sent")  # of the second step
    await succeed(env, 1)
    await until(env, lambda: env.runs.calls["mark_sent"] == 2)
    await env.restart()
    env.runs.resume()
    await succeed(env, 2)
    await succeed(env, 3)
    assert (await finished(env, "c-3")).state is RunState.SUCCEEDED
    assert len(env.replicate.creates) == 3


async def test_a_database_outage_between_steps_is_survived(env: Environment) -> None:
    await start_chain(env)
    env.runs.fail("mark_step_delivered", StoreError("locked"), times=3)
    for number in (1, 2, 3):
        await succeed(env, number)
    assert (await finished(env, "c-3")).state is RunState.SUCCEEDED
    assert len(env.replicate.creates) == 3
