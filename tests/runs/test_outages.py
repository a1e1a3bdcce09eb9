"""The database takes nothing for minutes: runs go on, are written when it does, and nothing is paid for twice."""

import asyncio
from collections.abc import Iterable

import pytest

from bot.backends.errors import BackendError, NoResponse
from bot.backends.prediction import Status
from bot.outputs.items import FileItem, LinkItem
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import Phase, WarningCode
from bot.store.errors import StoreError
from bot.store.models import RunState
from tests.runs.environment import AUTHOR, OTHER, Environment, make_photo
from tests.runs.fake_replicate import LOST_ANSWER, REFUSED_CONNECTION, THROTTLED

URLS = tuple(f"https://replicate.delivery/{number}.webp" for number in range(1, 4))
WRITES = (
    "mark_sent",
    "mark_unsent",
    "mark_submitted",
    "mark_running",
    "mark_ended",
    "mark_delivered",
    "request_cancel",
)
MINUTES = 200.0
SOON = 6.0  # seconds after the database works again


def lock(env: Environment, methods: Iterable[str] = WRITES) -> None:
    for method in methods:
        env.runs.fail(method, StoreError("Another program has locked the database."), times=100_000)


def unlock(env: Environment) -> None:
    env.runs.failures.clear()


async def test_a_paid_run_goes_on_while_the_database_is_locked(env: Environment) -> None:
    env.replicate.create_delay = 1.0
    run = await env.start()
    lock(env)
    await env.clock.advance(2)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    await env.clock.advance(MINUTES)
    assert (await env.row(run)).prediction_id is None
    snapshot = env.snapshot(run)
    assert (len(snapshot.items), snapshot.progress.phase) == (1, Phase.RUNNING)
    assert snapshot.progress.warning is WarningCode.NOT_SAVED
    assert env.engine.stats().unsaved == 1
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=list(URLS))
    await env.clock.advance(MINUTES)
    assert len(env.snapshot(run).items) == 3
    assert not env.snapshot(run).final
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.delivered_at is not None) == (RunState.SUCCEEDED, True)
    assert env.snapshot(run).progress.warning is None
    assert len(env.replicate.creates) == 1
    assert prediction.cancels == env.engine.stats().unsaved == 0


async def test_a_run_in_the_middle_is_written_when_possible(env: Environment) -> None:
    env.replicate.create_delay = 1.0
    run = await env.start()
    lock(env)
    await env.clock.advance(2)
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(MINUTES)
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.prediction_id) == (RunState.RUNNING, env.replicate.only.now.id)
    assert env.snapshot(run).progress.warning is None


async def test_a_cancel_works_while_the_database_is_locked(env: Environment) -> None:
    env.replicate.create_delay = 1.0
    run = await env.start()
    lock(env)
    await env.clock.advance(MINUTES)
    assert await env.engine.cancel(run.id, by=OTHER) is CancelResult.REQUESTED
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.ALREADY_REQUESTED
    await env.clock.advance(5)
    assert env.replicate.only.now.status is Status.CANCELED
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.canceled_by_id) == (RunState.CANCELED, OTHER)


async def test_a_cancel_does_not_wait_for_a_slow_database(env: Environment) -> None:
    run = await env.start()
    env.runs.stall("request_cancel")
    cancel = asyncio.create_task(env.engine.cancel(run.id, by=AUTHOR))
    await env.clock.advance(2)
    assert cancel.done()
    assert await cancel is CancelResult.REQUESTED
    await env.clock.advance(5)
    assert env.replicate.only.cancels == 1
    env.runs.resume()
    await env.clock.advance(SOON)
    assert (await env.row(run)).canceled_by_id == AUTHOR


async def test_a_run_does_not_wait_for_a_write_that_hangs(env: Environment) -> None:
    """A server that was lost in the middle of a commit keeps its callers waiting until it is back."""
    env.runs.stall("mark_submitted")
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    await env.clock.advance(MINUTES)
    snapshot = env.snapshot(run)
    assert (len(snapshot.items), snapshot.progress.warning) == (1, WarningCode.NOT_SAVED)
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(MINUTES)
    env.runs.resume()
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.prediction_id) == (RunState.SUCCEEDED, prediction.now.id)


async def test_a_run_that_was_not_sent_waits_for_the_database(env: Environment) -> None:
    lock(env)
    run = await env.start()
    await env.clock.advance(MINUTES)
    assert env.replicate.creates == []
    assert env.snapshot(run).progress.warning is WarningCode.NOT_SAVED
    unlock(env)
    await env.clock.advance(SOON)
    assert len(env.replicate.creates) == 1
    assert (await env.row(run)).state is RunState.SUBMITTED


async def test_a_run_that_waits_for_the_database_can_be_canceled(env: Environment) -> None:
    lock(env)
    run = await env.start()
    await env.clock.advance(30)
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    await env.clock.advance(30)
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.sent_at, env.replicate.creates) == (RunState.CANCELED, None, [])


async def test_a_run_is_not_started_long_after_it_was_wanted(env: Environment) -> None:
    lock(env)
    run = await env.start()
    await env.clock.advance(1900)
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.cause, env.replicate.creates) == (RunState.FAILED, "not_saved", [])


async def test_input_files_are_read_when_the_database_works(env: Environment) -> None:
    lock(env, ["list_files"])
    run = await env.start(input={"prompt": "a fox", "subject": "file:0"}, files=(make_photo(),))
    await env.clock.advance(MINUTES)
    assert env.replicate.creates == []
    unlock(env)
    await env.clock.advance(SOON)
    assert (await env.row(run)).state is RunState.SUBMITTED


@pytest.mark.parametrize("refusal", [THROTTLED, REFUSED_CONNECTION])
async def test_a_refused_create_is_resent_once_it_is_unsent(env: Environment, refusal: BackendError) -> None:
    env.replicate.create_results.append(refusal)
    lock(env, ["mark_unsent"])
    run = await env.start()
    await env.clock.advance(MINUTES)
    assert len(env.replicate.creates) == 1
    unlock(env)
    await env.clock.advance(60)
    assert len(env.replicate.creates) == 2
    assert (await env.row(run)).state is RunState.SUBMITTED


async def test_a_refused_create_that_is_canceled_counts_as_unsent(env: Environment) -> None:
    env.replicate.create_results.append(THROTTLED)
    lock(env)
    env.runs.failures.pop("mark_sent")
    run = await env.start()
    await env.clock.advance(1)
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(30)
    unlock(env)
    await env.clock.advance(SOON)
    row = await env.row(run)
    assert (row.state, row.sent_at) == (RunState.CANCELED, None)


@pytest.mark.parametrize("failing", [("mark_submitted",), ("find_run_ids",), ("list_files", "find_run_ids")])
async def test_a_lost_answer_is_reconciled_after_the_outage(env: Environment, failing: tuple[str, ...]) -> None:
    env.replicate.create_results.append(LOST_ANSWER)
    lock(env, failing)
    run = await env.start()
    await env.clock.advance(MINUTES)
    assert env.active_runs() == 1
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    unlock(env)
    await env.clock.advance(20)
    row = await env.row(run)
    assert (row.state, row.prediction_id) == (RunState.SUCCEEDED, env.replicate.only.now.id)
    assert len(env.replicate.creates) == 1


async def test_runs_do_not_share_a_prediction_in_an_outage(env: Environment) -> None:
    """The first run's prediction is in memory only, and looks like the one that the second run looks for."""
    env.replicate.create_results.extend(["ok", NoResponse("reset")])
    env.runs.fail("mark_submitted", StoreError("disk full"), times=100_000)
    first = await env.start()
    second = await env.start(author_id=OTHER)
    await env.clock.advance(MINUTES)
    unlock(env)
    await env.clock.advance(1000)
    assert (await env.row(first)).prediction_id == env.replicate.only.now.id
    assert (await env.row(second)).cause == "lost"


async def test_a_killed_bot_finds_what_it_could_not_write(env: Environment) -> None:
    env.replicate.create_delay = 1.0
    run = await env.start()
    lock(env)
    await env.clock.advance(MINUTES / 10)
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(1)
    await env.kill()
    unlock(env)
    await env.restart()
    await env.clock.advance(20)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert len(env.replicate.creates) == 1


async def test_files_without_room_are_fetched_again_at_the_end(env: Environment) -> None:
    env.homeless_downloads.update(URLS)
    run = await env.start()
    lock(env)
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=list(URLS))
    await env.clock.advance(MINUTES)
    assert [type(item) for item in env.snapshot(run).items] == [LinkItem] * 3
    env.homeless_downloads.remove(URLS[0])
    unlock(env)
    await env.clock.advance(SOON)
    assert [type(item) for item in env.snapshot(run).items] == [FileItem, LinkItem, LinkItem]
    assert (await env.row(run)).delivered_at is not None


async def test_nobody_is_locked_out_after_an_outage(env: Environment) -> None:
    for _ in range(5):  # as many as one person may have at once
        await env.start()
    lock(env)
    for prediction in env.replicate.by_id.values():
        prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(MINUTES)
    unlock(env)
    await env.clock.advance(SOON)
    await env.start()
    assert len(env.replicate.creates) == 6


async def test_runs_are_recovered_once_they_can_be_read(env: Environment) -> None:
    run = await env.start()
    await env.kill()
    lock(env, ["list_undelivered"])
    restart = asyncio.create_task(env.restart())
    await env.clock.advance(30)
    assert not restart.done()
    unlock(env)
    await env.clock.advance(SOON)
    await restart
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(5)
    assert (await env.row(run)).state is RunState.SUCCEEDED
