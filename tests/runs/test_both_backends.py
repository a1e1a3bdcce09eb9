"""What a run means does not depend on its backend: the same on Replicate and on a server of one's own."""

import pytest

from bot.backends.errors import NoResponse, NotSent
from bot.backends.prediction import Status
from bot.outputs.items import FileItem, TextItem
from bot.runs.snapshot import Phase, WarningCode
from bot.store.models import RunState
from tests.runs.environment import AUTHOR, TARGET, TEXT, Environment
from tests.runs.fake_replicate import LOST_ANSWER, REFUSED_CONNECTION
from tests.runs.fake_served import SERVED

FILE = "https://replicate.delivery/1.webp"
SECOND = "https://replicate.delivery/2.webp"


@pytest.fixture(autouse=True, params=[str(TARGET), SERVED], ids=["replicate", "served"])
def target(env: Environment, request: pytest.FixtureRequest) -> str:
    env.target = request.param
    return env.target


def creates(env: Environment) -> int:
    assert env.served is not None
    return len(env.served.creates) + len(env.replicate.creates)


def fail_creates(env: Environment, *results: str | NotSent) -> None:
    assert env.served is not None
    env.replicate.create_results.extend(results)
    env.served.create_results.extend(results)


async def test_outputs_appear_one_by_one_and_are_delivered(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.change(output=[FILE])
    await env.clock.advance(5)
    assert env.snapshot(run).progress.phase is Phase.RUNNING
    assert len(env.snapshot(run).items) == 1
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[FILE, SECOND])
    await env.clock.advance(2)
    row = await env.row(run)
    assert (row.state, row.delivered_at is not None) == (RunState.SUCCEEDED, True)
    assert [type(item) for item in env.snapshot(run).items] == [FileItem, FileItem]
    assert creates(env) == 1


async def test_text_is_shown_as_it_is_written(env: Environment) -> None:
    assert env.served is not None
    env.served.has_streams = True
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    await env.clock.advance(2)
    prediction.emit("A quick ")
    prediction.emit("fox")
    await env.clock.advance(0.1)
    (item,) = env.snapshot(run).items
    assert isinstance(item, TextItem)
    assert item.text == "A quick fox"


async def test_a_lost_answer_is_found_and_nothing_sent_again(env: Environment) -> None:
    fail_creates(env, LOST_ANSWER)
    run = await env.start()
    await env.clock.advance(3)
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[FILE])
    await env.clock.advance(10)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert creates(env) == 1


async def test_a_create_that_was_not_sent_is_sent_again(env: Environment) -> None:
    fail_creates(env, REFUSED_CONNECTION, REFUSED_CONNECTION)
    run = await env.start()
    assert env.snapshot(run).progress.warning is WarningCode.UNREACHABLE
    await env.clock.advance(10)
    assert creates(env) == 3
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id


async def test_a_run_goes_on_after_a_restart(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(5)
    assert await env.restart() == 1
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[FILE])
    await env.clock.advance(12)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert creates(env) == 1


async def test_an_end_while_the_bot_was_down_is_delivered(env: Environment) -> None:
    run = await env.start()
    await env.kill()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[FILE])
    await env.restart()
    await env.clock.advance(3)
    assert (await env.row(run)).delivered_at is not None
    assert len(env.snapshot(run).items) == 1


async def test_a_kill_before_the_answer_sends_nothing_twice(env: Environment) -> None:
    fail_creates(env, LOST_ANSWER)
    env.runs.stall("mark_submitted")
    run = await env.start()
    await env.kill()
    env.runs.resume()
    await env.restart()
    await env.clock.advance(5)
    assert (await env.row(run)).prediction_id == env.replicate.only.now.id
    assert creates(env) == 1


async def test_a_cancel_keeps_what_was_made(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    env.replicate.only.change(output=[FILE])
    await env.clock.advance(3)
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(3)
    assert (await env.row(run)).state is RunState.CANCELED
    assert len(env.snapshot(run).items) == 1
    assert env.replicate.only.cancels == 1


async def test_a_failure_keeps_what_was_made(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.end(Status.FAILED, env.clock.now(), output=[FILE], error="picture 2 went wrong")
    await env.clock.advance(3)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "model")
    assert "picture 2 went wrong" in str(row.failure)
    assert len(env.snapshot(run).items) == 1


async def test_an_outage_while_it_runs_is_told_and_passes(env: Environment) -> None:
    run = await env.start()
    env.replicate.poll_errors.extend([NoResponse("down")] * 7)
    await env.clock.advance(20)
    assert env.snapshot(run).progress.warning is WarningCode.UNREACHABLE
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[FILE])
    await env.clock.advance(120)
    assert (await env.row(run)).state is RunState.SUCCEEDED
