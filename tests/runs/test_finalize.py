"""A run ends once, with its last files and a final snapshot that is delivered."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.backends.errors import NoResponse
from bot.backends.prediction import Status
from bot.media.types import Media, MediaKind, MediaType
from bot.outputs.items import LinkItem, OutputItem
from bot.runs.cancels import CancelResult
from bot.runs.snapshot import DeliveryResult, Phase, WarningCode
from bot.store.errors import StoreError
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, OTHER, Environment

URL = "https://replicate.delivery/1.webp"


async def ended(env: Environment) -> Run:
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(0.5)
    return run


async def test_a_final_snapshot_is_retried(env: Environment) -> None:
    env.delivery_results.extend([DeliveryResult.LATER, RuntimeError("broken"), DeliveryResult.LATER])
    run = await ended(env)
    assert (await env.row(run)).delivered_at is None
    await env.clock.advance(10)
    assert (await env.row(run)).delivered_at is not None
    assert len(env.reply(run).finished) == 1


async def test_a_cancel_during_delivery_limits_the_text(env: Environment) -> None:
    env.delivery_results.extend([DeliveryResult.LATER] * 3)
    run = await ended(env)
    assert not env.reply(run).limited
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.ALREADY_ENDED
    assert env.reply(run).limited
    await env.clock.advance(60)
    assert (await env.row(run)).state is RunState.SUCCEEDED


async def test_a_delivery_is_told_before_the_result_is_kept(env: Environment) -> None:
    kept = asyncio.Event()

    async def keep_slowly(_run: Run, _items: Sequence[OutputItem]) -> None:
        await kept.wait()

    env.keep_result = keep_slowly
    run = await ended(env)
    assert [one.id for one in env.delivered] == [run.id]
    kept.set()


async def test_a_deleted_message_counts_as_delivered(env: Environment) -> None:
    env.delivery_results.append(DeliveryResult.GONE)
    run = await ended(env)
    assert (await env.row(run)).delivered_at is not None


async def test_a_final_snapshot_is_given_up_after_a_week(env: Environment) -> None:
    env.delivery_results.extend([DeliveryResult.LATER] * 12_000)
    run = await ended(env)
    await env.clock.advance(timedelta(days=6).total_seconds())
    assert (await env.row(run)).delivered_at is None
    await env.clock.advance(timedelta(days=2).total_seconds())
    assert (await env.row(run)).delivered_at is not None


async def test_the_last_downloads_are_awaited(env: Environment) -> None:
    env.slow_downloads.add(URL)
    run = await ended(env)
    assert env.snapshot(run).progress.phase is Phase.DELIVERING
    assert (await env.row(run)).state is RunState.SUCCEEDED
    await env.clock.advance(env.policy.download_timeout)
    (part,) = env.snapshot(run).items
    assert isinstance(part, LinkItem)
    assert part.url == URL


async def test_failed_writes_are_retried(env: Environment) -> None:
    for move in ("mark_submitted", "mark_running", "mark_ended", "mark_delivered"):
        env.runs.fail(move, StoreError("disk full"), times=2)
    run = await env.start()
    await env.clock.advance(10)
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(10)
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(20)
    row = await env.row(run)
    assert (row.state, row.delivered_at is not None) == (RunState.SUCCEEDED, True)
    assert len(env.replicate.creates) == 1


async def test_a_run_that_was_ended_elsewhere_is_not_delivered(env: Environment) -> None:
    run = await env.start()
    await env.store.runs.mark_ended(run.id, state=RunState.FAILED, at=env.clock.now(), failure="Elsewhere.")
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(1)
    assert (await env.row(run)).failure == "Elsewhere."
    assert not env.reply(run).finished
    assert env.reply(run).closed == 1


@pytest.mark.parametrize("where", ["list_files", "mark_sent", "mark_running"])
async def test_an_unexpected_error_ends_the_run(env: Environment, where: str) -> None:
    env.runs.fail(where, RuntimeError("broken"))
    photo = Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")
    with capture_logs() as lines:
        run = await env.start(input={"subject": "file:0"}, files=(photo,), thumbnail=photo)
        if env.replicate.by_id:
            env.replicate.only.start(env.clock.now())
        await env.clock.advance(3)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "internal")
    assert row.delivered_at is not None
    assert [line["run"] for line in lines if line["event"] == "run_failed_unexpectedly"] == [run.id]
    assert all(prediction.cancels == 1 for prediction in env.replicate.by_id.values())


async def test_an_unexpected_error_ends_no_other_run(env: Environment) -> None:
    env.runs.fail("mark_sent", RuntimeError("broken"))
    broken = await env.start()
    other = await env.start(author_id=OTHER)
    assert (await env.row(broken)).state is RunState.FAILED
    assert (await env.row(other)).state is RunState.SUBMITTED


async def test_a_run_whose_end_cannot_be_saved_is_kept(env: Environment) -> None:
    env.runs.fail("mark_ended", StoreError("disk full"), times=1000)
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(600)
    assert env.active_runs() == env.engine.stats().unsaved == 1
    progress = env.snapshot(run).progress
    assert (progress.warning, progress.phase) == (WarningCode.NOT_SAVED, Phase.DELIVERING)
    assert len(env.snapshot(run).items) == 1
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.ALREADY_ENDED
    env.runs.failures.clear()
    await env.clock.advance(6)
    row = await env.row(run)
    assert (row.state, row.output, row.cause) == (RunState.SUCCEEDED, [URL], None)
    assert row.delivered_at is not None
    assert row.ended_at is not None
    assert (row.ended_at - row.created_at).total_seconds() < 10
    assert env.active_runs() == 0


async def test_a_broken_run_that_cannot_be_saved_can_be_canceled(env: Environment) -> None:
    env.runs.fail("mark_running", RuntimeError("broken"))
    env.runs.fail("mark_ended", StoreError("disk full"), times=1000)
    env.replicate.cancel_errors.extend([NoResponse("502")] * 100)
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    await env.clock.advance(300)
    attempts = prediction.cancels
    assert attempts > 1
    env.runs.fail("request_cancel", StoreError("disk full"))
    assert await env.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    await env.clock.settle()
    assert prediction.cancels > attempts
    env.replicate.cancel_errors.clear()
    env.runs.failures.clear()
    await env.clock.advance(120)
    assert prediction.now.status is Status.CANCELED
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "internal")
    assert row.delivered_at is not None


async def test_a_delivery_that_cannot_be_saved_is_made_once(env: Environment) -> None:
    env.runs.fail("mark_delivered", StoreError("disk full"), times=1000)
    run = await ended(env)
    await env.clock.advance(600)
    assert len(env.reply(run).finished) == 1
    env.runs.failures.clear()
    await env.clock.advance(60)
    assert (await env.row(run)).delivered_at is not None
    assert len(env.reply(run).finished) == 1


async def test_an_error_of_the_reply_is_not_retried_for_long(env: Environment) -> None:
    env.delivery_results.extend([TypeError("a bug")] * 3)
    with capture_logs() as lines:
        run = await ended(env)
        await env.clock.advance(60)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        *["reply_failed"] * 3,
        "delivery_failed",
    ]
    assert (await env.row(run)).delivered_at is None
    assert env.active_runs() == 0
    await env.restart()
    assert len(env.reply(run).finished) == 1
    assert (await env.row(run)).delivered_at is not None


async def test_a_result_that_cannot_be_rendered_stays_undelivered(env: Environment) -> None:
    env.delivery_results.append(DeliveryResult.FAILED)
    with capture_logs() as lines:
        run = await ended(env)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["delivery_failed"]
    assert (await env.row(run)).delivered_at is None
    assert env.active_runs() == 0
    await env.restart()
    assert (await env.row(run)).delivered_at is not None


async def test_the_files_that_discord_got_are_stored(env: Environment) -> None:
    run = await ended(env)
    (output,) = await env.store.runs.list_outputs(run.id)
    assert (output.number, output.name, output.mime, output.removed_at) == (1, "generate-01.webp", "image/webp", None)


async def test_a_deleted_message_has_no_outputs(env: Environment) -> None:
    run = await env.start()
    await env.reply(run).delete()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL])
    await env.clock.advance(5)
    assert (await env.row(run)).delivered_at is not None
    assert await env.store.runs.list_outputs(run.id) == ()


async def test_the_seed_in_the_logs_is_stored(env: Environment) -> None:
    run = await env.start()
    logs = "Using seed: 41273\n"
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URL], logs=logs)
    await env.clock.advance(0.5)
    assert (await env.row(run)).seed == 41273
