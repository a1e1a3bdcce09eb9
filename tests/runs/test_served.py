"""Runs on servers of one's own: places, ends told once, deadlines that the bot keeps, servers that are gone."""

from dataclasses import replace

import pytest

from bot.backends.errors import Busy, Defect, NoResponse, OutOfService
from bot.backends.prediction import Status
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import Phase, WarningCode
from bot.store.models import Run, RunState
from tests.runs.environment import AUTHOR, OTHER, Environment
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED
from tests.runs.fake_served import SERVED, FakeServed

FILE = "https://replicate.delivery/1.webp"


@pytest.fixture
def server(env: Environment) -> FakeServed:
    env.target = SERVED
    assert env.served is not None
    return env.served


def end(env: Environment, run: Run) -> None:
    env.replicate.by_id[run.id].end(Status.SUCCEEDED, env.clock.now(), output=[FILE])


async def test_a_place_is_given_back_when_the_run_ends(env: Environment, server: FakeServed) -> None:
    first, second, third = await env.start(), await env.start(author_id=OTHER), await env.start()
    await env.clock.advance(60)
    assert [request.run_id for request in server.creates] == [first.id]
    assert [env.snapshot(run).progress.queue_position for run in (second, third)] == [1, 2]
    assert env.snapshot(second).progress.warning is None
    end(env, first)
    await env.clock.advance(12)
    assert [request.run_id for request in server.creates] == [first.id, second.id]
    assert env.snapshot(third).progress.queue_position == 1
    end(env, second)
    await env.clock.advance(12)
    end(env, third)
    await env.clock.advance(12)
    assert {(await env.row(run)).state for run in (first, second, third)} == {RunState.SUCCEEDED}


async def test_a_delivery_that_fails_holds_no_place(env: Environment, server: FakeServed) -> None:
    env.slow_downloads.add(FILE)
    first, second = await env.start(), await env.start()
    end(env, first)
    await env.clock.advance(12)
    assert (await env.row(first)).delivered_at is None
    assert [request.run_id for request in server.creates] == [first.id, second.id]


async def test_a_busy_server_holds_up_no_other_backend(env: Environment, server: FakeServed) -> None:
    await env.start()
    await env.start()
    other = await env.start(target="owner/name:" + "8" * 64)
    assert (await env.row(other)).state is RunState.SUBMITTED
    assert len(server.creates) == 1


async def test_runs_and_creates_are_counted_by_backend(env: Environment, server: FakeServed) -> None:
    await env.start()
    await env.start()
    await env.start(target="owner/name:" + "8" * 64)
    assert env.engine.stats().by_backend == {"replicate": (0, 1), server.name: (1, 2)}
    server.others = 1
    end(env, env.replies["run1"][0].run)
    await env.clock.advance(12)
    read = env.metrics.registry.get_sample_value
    counts = [
        read("replicord_backend_creates_total", {"backend": backend, "outcome": outcome})
        for backend, outcome in ((server.name, "ok"), ("replicate", "ok"))
    ]
    assert counts == [1, 1]
    assert read("replicord_backend_creates_total", {"backend": server.name, "outcome": "no_place"})


async def test_waiting_for_a_place_is_no_failed_attempt(env: Environment, server: FakeServed) -> None:
    server.others = 1
    run = await env.start()
    await env.clock.advance(300)
    assert len(server.creates) > env.policy.create_attempts
    assert len(server.creates) < 300 / 5  # it is asked, and not bothered
    progress = env.snapshot(run).progress
    assert (progress.phase, progress.queue_position, progress.warning) == (Phase.QUEUED, 1, None)
    assert (await env.row(run)).sent_at is None
    server.others = 0
    await env.clock.advance(10)
    assert (await env.row(run)).state is RunState.SUBMITTED


async def test_a_model_that_is_loading_is_told_and_waited_for(env: Environment, server: FakeServed) -> None:
    server.create_results.extend([Busy(is_starting=True)] * 4)
    run = await env.start()
    assert env.snapshot(run).progress.warning is WarningCode.MODEL_LOADING
    await env.clock.advance(30)
    assert env.snapshot(run).progress.warning is None
    assert (await env.row(run)).state is RunState.SUBMITTED


async def test_a_run_that_waits_is_canceled_unsent(env: Environment, server: FakeServed) -> None:
    first, second = await env.start(), await env.start()
    await env.clock.advance(5)
    await env.engine.cancel(second.id, by=AUTHOR)
    await env.clock.advance(1)
    row = await env.row(second)
    assert (row.state, row.sent_at) == (RunState.CANCELED, None)
    end(env, first)
    await env.clock.advance(15)
    assert [request.run_id for request in server.creates] == [first.id]


async def test_recovered_runs_have_their_places_at_once(env: Environment, server: FakeServed) -> None:
    first, second = await env.start(), await env.start()
    await env.clock.advance(3)
    await env.restart()
    await env.clock.advance(60)
    assert [request.run_id for request in server.creates] == [first.id]
    assert env.snapshot(second).progress.queue_position == 1
    end(env, first)
    await env.clock.advance(12)
    assert [request.run_id for request in server.creates] == [first.id, second.id]


async def test_a_create_that_never_arrived_is_lost_in_a_sentence(env: Environment, server: FakeServed) -> None:
    server.create_results.append(NEVER_ARRIVED)
    run = await env.start()
    await env.clock.advance(5)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "forgotten")
    assert len(server.creates) == 1


async def test_a_lost_answer_keeps_its_place_and_its_phase(env: Environment, server: FakeServed) -> None:
    server.create_results.append(LOST_ANSWER)
    env.replicate.poll_errors.extend([NoResponse("down")] * 3)
    first, second = await env.start(), await env.start()
    await env.clock.advance(2)
    assert env.snapshot(first).progress.phase is Phase.RECONCILING
    await env.clock.advance(20)
    assert env.snapshot(first).progress.phase is Phase.STARTING
    assert [request.run_id for request in server.creates] == [first.id]
    assert env.snapshot(second).progress.phase is Phase.QUEUED


async def test_a_restarted_server_is_told_at_once(env: Environment, server: FakeServed) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    env.replicate.only.change(output=[FILE])
    await env.clock.advance(5)
    server.is_restarted = True
    await env.clock.advance(12)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, "service_restarted")
    assert len(env.snapshot(run).items) == 1


async def test_a_resent_run_waits_for_its_restarted_server(env: Environment, server: FakeServed) -> None:
    env.policy = replace(env.policy, resend_unfinished=True)
    await env.restart()
    run = await env.start()
    del env.replicate.by_id[run.id]  # lost with the server
    server.is_restarted = True
    server.create_results.extend([Busy(is_starting=True)] * 30)
    await env.clock.advance(12)
    assert env.snapshot(run).progress.warning is WarningCode.MODEL_LOADING
    server.is_restarted = False
    await env.clock.advance(60)
    assert env.snapshot(run).progress.warning is None
    end(env, run)
    await env.clock.advance(12)
    assert (await env.row(run)).state is RunState.SUCCEEDED


async def test_an_end_that_is_on_its_way_is_no_outage(env: Environment, server: FakeServed) -> None:
    run = await env.start()
    server.is_end_pending = True
    await env.clock.advance(60)
    assert env.snapshot(run).progress.warning is WarningCode.END_PENDING
    server.is_end_pending = False
    end(env, run)
    env.engine.on_webhook(run.id)
    await env.clock.advance(1)
    assert (await env.row(run)).state is RunState.SUCCEEDED


async def test_the_deadline_is_kept_by_the_bot(env: Environment, server: FakeServed) -> None:
    run = await env.start()
    env.replicate.only.start(env.clock.now())
    await env.clock.advance(env.policy.deadline.total_seconds() - 5)
    assert env.replicate.only.cancels == 0
    await env.clock.advance(15)
    assert env.replicate.only.cancels == 1
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.CANCELED, "deadline")
    assert len(server.running()) == 0


async def test_the_deadline_holds_after_a_restart(env: Environment, server: FakeServed) -> None:
    run = await env.start()
    await env.clock.advance(60)
    await env.kill()
    await env.clock.advance(env.policy.deadline.total_seconds())
    await env.restart()
    await env.clock.advance(env.policy.overdue.total_seconds() + 15)
    assert (await env.row(run)).cause == "deadline"
    assert server.running() == []


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        (Defect.BROKEN, FailureCode.BROKEN),
        (Defect.SETUP_FAILED, FailureCode.SETUP_FAILED),
        (Defect.SETUP_TOO_LONG, FailureCode.SETUP_TOO_LONG),
    ],
)
async def test_a_server_out_of_order_is_told_at_once(
    env: Environment, server: FakeServed, defect: Defect, code: FailureCode
) -> None:
    server.create_results.append(OutOfService(defect))
    run = await env.start()
    await env.clock.advance(1)
    row = await env.row(run)
    assert (row.state, row.cause) == (RunState.FAILED, code)
    again = await env.start()  # the place of the one before is free
    assert (await env.row(again)).state is RunState.SUBMITTED


async def test_runs_of_a_server_that_is_gone_end(env: Environment, server: FakeServed) -> None:
    running, waiting = await env.start(), await env.start()
    done = await env.start(target="owner/name:" + "8" * 64)
    await env.clock.advance(2)
    assert server.creates
    env.served = None
    await env.restart()
    await env.clock.advance(2)
    for run in (running, waiting):
        row = await env.row(run)
        assert (row.state, row.cause) == (RunState.FAILED, "retired")
        assert row.delivered_at is not None
    assert (await env.row(done)).state is RunState.SUBMITTED


async def test_a_result_of_a_server_that_is_gone_is_delivered(env: Environment, server: FakeServed) -> None:
    env.runs.stall("mark_delivered")
    run = await env.start()
    end(env, run)
    await env.clock.advance(12)
    assert (await env.row(run)).state is RunState.SUCCEEDED
    assert server.creates
    env.served = None
    env.runs.resume()
    await env.restart()
    await env.clock.advance(3)
    assert (await env.row(run)).delivered_at is not None
