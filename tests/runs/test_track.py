"""A prediction is tracked to its end, whatever its stream and polls do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.aio import cancel_and_wait
from bot.backends.errors import NoResponse, ResponseTooLarge
from bot.backends.prediction import Status
from bot.outputs.items import TextItem
from bot.runs.outcome import FailureCode, FailureReason, failure_of
from bot.runs.policy import PollLimiter
from bot.runs.snapshot import Phase, WarningCode
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, TEXT, Environment
from tests.runs.fake_served import FakeServed

URLS = tuple(f"https://replicate.delivery/{n}.webp" for n in range(1, 6))


async def test_polls_suffice_without_a_stream(env: Environment) -> None:
    env.replicate.has_streams = False
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.change(output=[URLS[0]])
    await env.clock.advance(1.5)
    assert len(env.snapshot(run).items) == 1
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=list(URLS[:2]))
    await env.clock.advance(2)
    assert len(env.snapshot(run).items) == 2
    assert env.snapshot(run).final


async def test_polls_replace_a_lost_stream(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit("Once ")
    await env.clock.advance(0.1)
    prediction.break_stream()
    prediction.change(output=["Once ", "upon "])
    await env.clock.advance(2)
    assert env.snapshot(run).items == (TextItem("Once upon "),)


async def test_a_cold_boot_of_ten_minutes_is_waited_for(env: Environment) -> None:
    run = await env.start()
    await env.clock.advance(600)
    assert env.snapshot(run).progress.phase is Phase.STARTING
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(0.5)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert env.replicate.polls < 120


async def test_the_last_poll_brings_output_that_was_not_streamed(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(0.3)
    assert len(env.snapshot(run).items) == 1


async def test_a_poll_behind_the_end_of_the_stream_is_repeated(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    await env.clock.advance(100)
    prediction.emit(URLS[0])
    prediction.end(Status.PROCESSING, env.clock.now())
    await env.clock.advance(0.3)
    assert not env.snapshot(run).final
    prediction.change(status=Status.SUCCEEDED, output=[URLS[0]])
    await env.clock.advance(0.5)
    assert env.snapshot(run).final


async def test_a_cancel_keeps_output_the_poll_no_longer_has(env: Environment) -> None:
    run = await env.start(expected=5)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    prediction.emit(URLS[1])
    await env.clock.advance(1)
    await env.engine.cancel(run.id, by=AUTHOR)
    await env.clock.advance(1)
    snapshot = env.snapshot(run)
    assert snapshot.progress.phase is Phase.CANCELED
    assert len(snapshot.items) == 2
    row = await env.row(run)
    assert row.output == [URLS[0], URLS[1]]
    assert row.failure is None


async def test_removed_data_is_shown_from_the_stream(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit("All of it")
    prediction.end(Status.SUCCEEDED, env.clock.now(), data_removed=True)
    await env.clock.advance(0.5)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert env.snapshot(run).items == (TextItem("All of it"),)


async def test_removed_data_that_was_not_seen_is_a_failure(env: Environment) -> None:
    env.replicate.has_streams = False
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), data_removed=True)
    await env.clock.advance(2)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "removed")


async def test_a_model_without_output_succeeds(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.end(Status.SUCCEEDED, env.clock.now(), output=[])
    await env.clock.advance(0.5)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert not env.snapshot(run).items


async def test_a_failure_has_its_reason_and_keeps_output(env: Environment) -> None:
    run = await env.start(expected=2)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    prediction.end(Status.FAILED, env.clock.now(), reason="error", error="CUDA out of memory. Tried to allocate 2 GiB")
    await env.clock.advance(0.5)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "memory")
    assert len(env.snapshot(run).items) == 1


async def test_a_failure_keeps_streamed_output_the_poll_lacks(env: Environment) -> None:
    run = await env.start(expected=3)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    prediction.emit(URLS[1])
    prediction.end(Status.FAILED, env.clock.now(), reason="error", error="boom", output=[URLS[0]])
    await env.clock.advance(0.5)
    assert len(env.snapshot(run).items) == 2


async def test_an_abort_at_the_deadline_has_its_reason(env: Environment) -> None:
    run = await env.start()
    await env.clock.advance(1799)
    env.replicate.only.end(Status.ABORTED, env.clock.now())
    await env.clock.advance(10)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.ABORTED, "aborted")
    assert failure_of(row) == FailureReason(FailureCode.ABORTED, deadline=1800)


async def test_an_abort_before_the_deadline_names_no_deadline(env: Environment) -> None:
    run = await env.start()
    await env.clock.advance(1)
    env.replicate.only.end(Status.ABORTED, env.clock.now())
    await env.clock.advance(10)
    assert failure_of(await env.row(run)) == FailureReason(FailureCode.ABORTED)


async def test_a_cancel_at_the_deadline_has_its_reason(env: Environment) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(1800)
    env.replicate.only.end(Status.CANCELED, env.clock.now(), reason="canceled")
    await env.clock.advance(10)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.CANCELED, "deadline")


async def test_a_cancel_on_the_website_has_its_reason(env: Environment) -> None:
    run = await env.start()
    await env.clock.advance(5)
    env.replicate.only.end(Status.CANCELED, env.clock.now(), reason="canceled")
    await env.clock.advance(10)
    assert (await env.row(run)).cause == "elsewhere"


async def test_an_overdue_prediction_is_canceled_and_given_up(env: Environment) -> None:
    env.replicate.cancels_take_effect = False
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(2100)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "overdue")
    assert env.replicate.only.cancels == 1


async def test_an_unknown_status_is_waited_out(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.change(status=Status.OTHER)
    await env.clock.advance(30)
    assert not env.snapshot(run).final
    prediction.end(Status.OTHER, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(10)
    assert (await env.row(run)).state is RunState.SUCCEEDED


async def test_polls_that_fail_for_minutes_lose_nothing(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    env.replicate.poll_errors.extend([NoResponse("502")] * 8)
    await env.clock.advance(60)
    assert env.snapshot(run).progress.warning is WarningCode.UNREACHABLE
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(200)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert env.snapshot(run).progress.warning is None


async def test_a_forgotten_prediction_fails(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.by_id.pop(next(iter(env.replicate.by_id)))
    prediction.break_stream()
    await env.clock.advance(30)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "forgotten")


async def test_a_forgotten_prediction_ends_as_its_stream_said(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.by_id.pop(next(iter(env.replicate.by_id)))
    prediction.emit("All of it")
    prediction.end(Status.SUCCEEDED, env.clock.now())
    await env.clock.advance(30)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert env.snapshot(run).items == (TextItem("All of it"),)


async def test_progress_comes_from_the_logs(env: Environment) -> None:
    run = await env.start(expected=5)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.emit(URLS[0])
    prediction.change(output=[URLS[0]], logs=" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]\n")
    await env.clock.advance(1.5)
    progress = env.snapshot(run).progress
    assert (progress.done, progress.total, progress.step, progress.steps) == (1, 5, 3, 4)


async def test_a_step_is_dropped_when_its_output_arrives(env: Environment) -> None:
    run = await env.start(expected=2)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    prediction.change(logs=" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]\n")
    await env.clock.advance(1.5)
    assert env.snapshot(run).progress.step == 3
    prediction.emit(URLS[0])
    await env.clock.settle()
    progress = env.snapshot(run).progress
    assert (progress.done, progress.step) == (1, None)


async def test_polls_become_rarer_with_age(env: Environment) -> None:
    await env.start()
    await env.clock.advance(20)
    early = env.replicate.polls
    assert 15 <= early <= 21
    await env.clock.advance(600)
    assert env.replicate.polls - early < 100


async def test_a_text_without_its_end_is_over_in_seconds(env: Environment) -> None:
    run = await _write(env)
    env.replicate.only.change(status=Status.SUCCEEDED, completed_at=env.clock.now(), output=["Once upon a time."])
    await env.clock.advance(10)
    assert env.snapshot(run).final
    assert env.snapshot(run).items == (TextItem("Once upon a time."),)


async def test_an_interrupted_text_is_polled_in_moments(env: Environment) -> None:
    run = await _write(env)
    env.replicate.only.interrupt()
    env.replicate.only.change(status=Status.SUCCEEDED, completed_at=env.clock.now(), output=["Once upon a time."])
    await env.clock.advance(2)
    assert env.snapshot(run).final


async def test_an_error_without_the_end_is_polled_in_moments(env: Environment) -> None:
    run = await _write(env)
    env.replicate.only.fail("boom")
    env.replicate.only.change(status=Status.FAILED, completed_at=env.clock.now(), error="boom")
    await env.clock.advance(2)
    assert env.snapshot(run).final


async def test_a_quiet_text_is_over_in_seconds_without_webhook(webhook_env: Environment) -> None:
    run = await _write(webhook_env)
    webhook_env.replicate.only.change(status=Status.SUCCEEDED, completed_at=webhook_env.clock.now(), output=["All."])
    await webhook_env.clock.advance(10)
    assert webhook_env.snapshot(run).final


async def test_the_end_after_the_last_file_is_seen_in_seconds(webhook_env: Environment) -> None:
    run = await webhook_env.start(expected=2)
    prediction = webhook_env.replicate.only
    prediction.start(webhook_env.clock.now())
    webhook_env.engine.on_webhook(run.id, prediction.now)
    for url in URLS[:2]:
        await webhook_env.clock.advance(1)
        prediction.emit(url)
    prediction.change(status=Status.SUCCEEDED, completed_at=webhook_env.clock.now(), output=list(URLS[:2]))
    await webhook_env.clock.advance(12)
    assert webhook_env.snapshot(run).final


async def test_a_text_that_pauses_is_polled_until_it_goes_on(env: Environment) -> None:
    run = await _write(env)
    await env.clock.advance(30)
    paused = env.replicate.polls
    assert not env.snapshot(run).final
    env.replicate.only.emit(" more")
    await env.clock.advance(12)
    quiet_again = env.replicate.polls
    for _ in range(50):
        env.replicate.only.emit(" word")
        await env.clock.advance(1)
    assert env.replicate.polls - quiet_again <= 2 < paused


async def test_steady_text_needs_no_polls(env: Environment) -> None:
    await _write(env)
    before = env.replicate.polls
    for _ in range(100):
        env.replicate.only.emit(" word")
        await env.clock.advance(1)
    assert env.replicate.polls - before <= 1


async def test_interruptions_do_not_put_off_the_poll(env: Environment) -> None:
    run = await env.start(output_schema=TEXT)
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(300)
    env.replicate.only.change(status=Status.SUCCEEDED, completed_at=env.clock.now(), output=["All."])
    for _ in range(12):
        env.replicate.only.interrupt()
        await env.clock.advance(0.3)
    assert env.snapshot(run).final


async def _write(env: Environment) -> Run:
    """Start a run whose text grows for a while, as polls and the stream both show."""
    run = await env.start(output_schema=TEXT)
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    for _ in range(5):
        prediction.emit("Once upon a time")
        await env.clock.advance(1)
    return run


async def test_with_webhooks_polls_are_rare(webhook_env: Environment) -> None:
    run = await webhook_env.start()
    assert webhook_env.replicate.creates[0].webhook == f"https://bot.example/webhooks/replicate/{run.id}"
    await webhook_env.clock.advance(300)
    assert webhook_env.replicate.polls <= 6


async def test_a_webhook_causes_a_poll(webhook_env: Environment) -> None:
    run = await webhook_env.start()
    prediction = webhook_env.replicate.only
    prediction.change(status=Status.SUCCEEDED, completed_at=webhook_env.clock.now(), output=[URLS[0]])
    assert webhook_env.engine.on_webhook(run.id, prediction.now)
    await webhook_env.clock.settle()
    assert (await webhook_env.row(run)).state is RunState.SUCCEEDED


async def test_a_webhook_alone_does_not_end_a_run(webhook_env: Environment) -> None:
    run = await webhook_env.start()
    prediction = webhook_env.replicate.only
    before = prediction.now
    prediction.change(status=Status.FAILED, completed_at=webhook_env.clock.now(), error="forged")
    forged = prediction.now
    prediction.now = before
    webhook_env.engine.on_webhook(run.id, forged)
    await webhook_env.clock.settle()
    assert (await webhook_env.row(run)).state is RunState.SUBMITTED


async def test_late_webhooks_undo_nothing(webhook_env: Environment) -> None:
    run = await webhook_env.start(output_schema=TEXT)
    prediction = webhook_env.replicate.only
    old = prediction.now
    prediction.start(webhook_env.clock.now())
    prediction.emit("Once upon")
    webhook_env.engine.on_webhook(run.id, prediction.now)
    await webhook_env.clock.settle()
    webhook_env.engine.on_webhook(run.id, old)
    await webhook_env.clock.settle()
    assert webhook_env.snapshot(run).progress.phase is Phase.RUNNING
    assert webhook_env.snapshot(run).items == (TextItem("Once upon"),)


async def test_a_thousand_runs_stay_within_the_poll_limit(env: Environment) -> None:
    pause = env.policy.poll_interval(3.0, webhooks=False, active=1000)
    assert 1000 * 60 / pause <= env.policy.routine_polls_per_minute
    assert env.policy.deadline == timedelta(minutes=30)


@pytest.mark.parametrize("processes", [1, 3])
async def test_processes_divide_the_polls_of_a_minute(env: Environment, processes: int) -> None:
    await env.start()
    policy = replace(env.policy, polls_per_minute=60)
    limiter = PollLimiter(FakeServed(env.replicate), clock=env.clock, policy=policy, count_processes=lambda: processes)
    limiter.tracked = 10
    assert limiter.tracked_by_all == 10 * processes
    before = env.replicate.polls
    polls = [asyncio.create_task(limiter.poll(env.replicate.only.now.id)) for _ in range(100)]
    await env.clock.settle()
    assert env.replicate.polls - before == 60 // processes
    await cancel_and_wait(polls)


async def test_a_changed_wall_clock_ends_no_run(env: Environment) -> None:
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    await env.clock.advance(5)
    env.clock.set(env.clock.now() + timedelta(hours=3))
    await env.clock.advance(60)
    assert prediction.cancels == 0
    assert not env.snapshot(run).final
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(1)
    assert (await env.row(run)).state is RunState.SUCCEEDED


async def test_the_deadline_holds_with_a_wrong_wall_clock(env: Environment) -> None:
    await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    await env.clock.advance(5)
    env.clock.set(env.clock.now() - timedelta(days=400))
    await env.restart()
    await env.clock.advance(2000)
    assert prediction.cancels


async def test_an_end_does_not_wait_for_the_routine_limit(created_url: str) -> None:
    env = await Environment.open(created_url, routine_polls_per_minute=3)
    run = await env.start()
    prediction = env.replicate.only
    prediction.start(env.clock.now())
    for _ in range(3):
        env.engine.on_webhook(run.id)
        await env.clock.advance(1)
    polls = env.replicate.polls
    await env.clock.advance(30)
    assert env.replicate.polls == polls >= 3
    prediction.end(Status.SUCCEEDED, env.clock.now(), output=[URLS[0]])
    await env.clock.advance(1)
    assert (await env.row(run)).delivered_at is not None
    await env.close()


async def test_a_prediction_too_large_to_read_is_canceled(env: Environment) -> None:
    env.replicate.has_streams = False
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    env.replicate.poll_errors.append(ResponseTooLarge("The response is too large."))
    env.replicate.cancel_errors.append(ResponseTooLarge("So is the answer to the cancel."))
    await env.clock.advance(10)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "output_too_large")
    assert env.replicate.only.cancels == 1
    assert row.delivered_at is not None
