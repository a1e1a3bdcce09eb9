"""A run is canceled exactly once: also if asked twice, early or late, or if Replicate does not accept it."""

import asyncio

import pytest

from bot.backends.errors import NoResponse
from bot.backends.prediction import Status
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import Phase, WarningCode
from bot.store.errors import StoreError
from bot.store.models import RunState
from tests.runs.environment import AUTHOR, OTHER, Environment


async def test_a_running_prediction_is_canceled_within_a_second(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(5)
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    await env.clock.advance(1)
    assert env.replicate.only.cancels == 1
    row = await env.row(run)
    assert (row.state, row.canceled_by_id) == (RunState.CANCELED, AUTHOR)
    assert row.delivered_at is not None


async def test_a_second_cancel_changes_nothing(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    assert await env.engine.cancel(run.id, by=OTHER) is CancelResult.ALREADY_REQUESTED
    await env.clock.advance(30)
    assert env.replicate.only.cancels == 1
    assert (await env.row(run)).canceled_by_id == AUTHOR


async def test_of_two_cancels_at_once_one_is_the_first(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    env.runs.stall("request_cancel")
    presses = [asyncio.create_task(env.engine.cancel(run.id, by=user)) for user in (AUTHOR, OTHER)]
    await env.clock.settle()
    # The first one's time is up in the moment in which the database answers.
    env.runs.resume()
    await env.clock.advance(env.policy.cancel_save_timeout)
    assert sorted(await asyncio.gather(*presses)) == [CancelResult.ALREADY_REQUESTED, CancelResult.REQUESTED]
    assert (await env.row(run)).canceled_by_id == AUTHOR


async def test_of_two_cancels_in_a_slow_write_one_is_first(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    env.runs.stall("request_cancel")
    first = asyncio.create_task(env.engine.cancel(run.id, by=AUTHOR))
    await env.clock.advance(env.policy.cancel_save_timeout / 2)
    second = asyncio.create_task(env.engine.cancel(run.id, by=OTHER))
    await env.clock.advance(env.policy.cancel_save_timeout * 2)
    assert (await first, await second) == (CancelResult.REQUESTED, CancelResult.ALREADY_REQUESTED)
    env.runs.resume()
    await env.clock.settle()
    assert (await env.row(run)).canceled_by_id == AUTHOR
    assert env.replicate.only.cancels == 1


async def test_a_cancel_after_the_end_is_no_error(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=["https://replicate.delivery/1.webp"])
    await env.clock.advance(1)
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.ALREADY_ENDED
    assert await env.engine.cancel("nothing", by=AUTHOR) is CancelResult.NOT_FOUND


async def test_a_failed_cancel_is_retried_with_a_warning(env: Environment) -> None:
    env.replicate.cancel_errors.extend([NoResponse("502")] * 3)
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(2)
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(2)
    snapshot = env.snapshot(run)
    assert snapshot.progress.phase is Phase.CANCELING
    assert snapshot.progress.warning is WarningCode.CANCEL_NOT_ACCEPTED
    await env.clock.advance(10)
    assert env.replicate.only.cancels == 4
    assert (await env.row(run)).state is RunState.CANCELED


async def test_a_prediction_that_ignores_a_cancel_is_tracked(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(20)
    assert env.snapshot(run).progress.phase is Phase.CANCELING
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=["https://replicate.delivery/1.webp"])
    await env.clock.advance(2)
    row = await env.row(run)
    assert row.state is RunState.SUCCEEDED
    assert len(env.snapshot(run).items) == 1


async def test_a_deleted_message_cancels_its_run(env: Environment) -> None:
    run = await env.start()
    await env.reply(run).delete()
    await env.clock.advance(1)
    row = await env.row(run)
    assert (row.state, row.canceled_by_id) == (RunState.CANCELED, None)
    assert row.delivered_at is not None
    assert not env.reply(run).finished


async def test_a_cancel_survives_a_restart(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.settle()
    env.replicate.only.cancels = 0
    await env.restart()
    await env.clock.advance(3)
    assert env.replicate.only.cancels == 1


async def test_a_cancel_that_cannot_be_saved_is_acted_upon(env: Environment) -> None:
    run = await env.start()
    env.runs.fail("request_cancel", StoreError("disk full"), times=2)
    env.replicate.cancel_errors.append(NoResponse("Replicate did not answer."))  # so that it has not ended yet
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    assert await env.engine.cancel(run.id, by=OTHER) is CancelResult.ALREADY_REQUESTED
    await env.clock.advance(10)
    row = await env.row(run)
    assert (row.state, row.canceled_by_id) == (RunState.CANCELED, AUTHOR)
    env.runs.fail("request_cancel", StoreError("disk full"))
    with pytest.raises(StoreError):
        await env.engine.cancel("another process's run", by=AUTHOR)


async def test_an_unexpected_error_of_a_cancel_is_retried(env: Environment) -> None:
    env.replicate.cancel_errors.extend([TypeError("a bug")] * 2)
    run = await env.start()
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(10)
    assert env.replicate.only.cancels == 3
    assert (await env.row(run)).state is RunState.CANCELED
