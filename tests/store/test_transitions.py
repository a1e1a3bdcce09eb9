"""What each transition changes, and when it is rejected."""

import asyncio

import pytest

from bot.store.errors import AlreadyStarted, StoreError
from bot.store.models import RunState
from bot.store.quota import RunLimits
from bot.store.runs import Runs
from bot.store.store import Store
from tests.store.samples import BOB, MIA, PNG, after, load_files, make_run, store_run_in_state

ACTIVE_STATES = [RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING]
TERMINAL_STATES = [state for state in RunState if state.terminal]


async def test_reserved_run_is_read_back_unchanged(runs: Runs) -> None:
    run = make_run()
    await runs.reserve(run, (PNG, PNG))
    assert await runs.get(run.id) == run
    assert await load_files(runs, run.id) == (PNG, PNG)


async def test_missing_run_is_none_and_cannot_change(runs: Runs) -> None:
    assert await runs.get("run-1") is None
    assert await runs.find_by_message(1) is None
    assert await load_files(runs, "run-1") == ()
    assert not await runs.mark_sent("run-1", at=after(1), webhook=None)
    assert not await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))
    await runs.mark_message_sent("run-1", 1, 5)


async def test_run_id_cannot_be_reserved_twice(runs: Runs) -> None:
    await runs.reserve(make_run(prompt="first"), ())
    with pytest.raises(AlreadyStarted):
        await runs.reserve(make_run(prompt="second"), (PNG,))
    run = await runs.get("run-1")
    assert run is not None
    assert run.prompt == "first"
    assert await load_files(runs, "run-1") == ()


async def test_a_second_try_of_a_run_is_not_over_the_limit(runs: Runs) -> None:
    await runs.reserve(make_run(), (), RunLimits(at_once=1, per_day=1))
    with pytest.raises(AlreadyStarted):
        await runs.reserve(make_run(), (), RunLimits(at_once=1, per_day=1))


async def test_of_two_tries_at_one_moment_one_starts(runs: Runs) -> None:
    tries = [runs.reserve(make_run(prompt=f"try {number}"), (PNG,)) for number in range(20)]
    results = await asyncio.gather(*tries, runs.reserve(make_run("other"), ()), return_exceptions=True)
    assert [result for result in results if result is None] == [None, None]
    assert sum(isinstance(result, AlreadyStarted) for result in results) == 19
    assert await load_files(runs, "run-1") == (PNG,)


async def test_delivered_run_has_its_times_and_output(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert await runs.mark_sent("run-1", at=after(1), webhook="https://bot.example/hook")
    assert await runs.mark_submitted("run-1", prediction_id="p1")
    assert await runs.mark_running("run-1", started_at=after(3))
    assert await runs.mark_ended(
        "run-1", state=RunState.SUCCEEDED, at=after(4), output=["a"], metrics={"predict_time": 1.5}
    )
    assert await runs.mark_delivered("run-1", at=after(5))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.state, run.prediction_id, run.webhook) == (RunState.SUCCEEDED, "p1", "https://bot.example/hook")
    assert (run.sent_at, run.started_at, run.ended_at, run.delivered_at) == (after(1), after(3), after(4), after(5))
    assert (run.output, run.metrics) == (["a"], {"predict_time": 1.5})


async def test_run_is_sent_once(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert await runs.mark_sent("run-1", at=after(1), webhook=None)
    assert not await runs.mark_sent("run-1", at=after(2), webhook=None)
    run = await runs.get("run-1")
    assert run is not None
    assert run.sent_at == after(1)


async def test_run_with_cancel_request_is_never_sent(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert await runs.request_cancel("run-1", by_id=MIA, at=after(1))
    assert not await runs.mark_sent("run-1", at=after(2), webhook=None)


async def test_unsent_run_may_be_sent_again(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert not await runs.mark_unsent("run-1")
    await runs.mark_sent("run-1", at=after(1), webhook="https://bot.example/hook")
    assert await runs.mark_unsent("run-1")
    run = await runs.get("run-1")
    assert run is not None
    assert (run.sent_at, run.webhook) == (None, None)
    assert await runs.mark_sent("run-1", at=after(2), webhook=None)


async def test_submitted_run_cannot_become_unsent(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUBMITTED)
    assert not await runs.mark_unsent("run-1")


async def test_only_a_sent_run_gets_a_prediction(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert not await runs.mark_submitted("run-1", prediction_id="p")


async def test_prediction_belongs_to_one_run(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("run-1"), RunState.SUBMITTED)
    await runs.reserve(make_run("run-2"), ())
    await runs.mark_sent("run-2", at=after(1), webhook=None)
    assert not await runs.mark_submitted("run-2", prediction_id="prediction-run-1")
    assert await runs.mark_submitted("run-2", prediction_id="another")


async def test_run_has_one_prediction(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUBMITTED)
    assert not await runs.mark_submitted("run-1", prediction_id="another")
    run = await runs.get("run-1")
    assert run is not None
    assert run.prediction_id == "prediction-run-1"


async def test_ended_run_gets_no_prediction(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    await runs.mark_sent("run-1", at=after(1), webhook=None)
    await runs.mark_ended("run-1", state=RunState.FAILED, at=after(2))
    assert not await runs.mark_submitted("run-1", prediction_id="p")


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.SUBMITTED])
async def test_only_a_submitted_run_starts_running(runs: Runs, state: RunState) -> None:
    await store_run_in_state(runs, make_run(), state)
    assert not await runs.mark_running("run-1", started_at=after(1))


@pytest.mark.parametrize("state", ACTIVE_STATES)
@pytest.mark.parametrize("end", [RunState.FAILED, RunState.CANCELED, RunState.ABORTED])
async def test_every_active_run_may_end(runs: Runs, state: RunState, end: RunState) -> None:
    await store_run_in_state(runs, make_run(), state)
    assert await runs.mark_ended("run-1", state=end, at=after(1), failure="It failed.", cause="timeout")
    run = await runs.get("run-1")
    assert run is not None
    assert (run.state, run.ended_at, run.failure, run.cause) == (end, after(1), "It failed.", "timeout")


@pytest.mark.parametrize("end", TERMINAL_STATES)
async def test_run_ends_once(runs: Runs, end: RunState) -> None:
    await store_run_in_state(runs, make_run(), end)
    before = await runs.get("run-1")
    assert not await runs.mark_ended("run-1", state=RunState.CANCELED, at=after(9), output=["other"])
    assert await runs.get("run-1") == before


@pytest.mark.parametrize("state", ACTIVE_STATES)
async def test_active_state_cannot_end_a_run(runs: Runs, state: RunState) -> None:
    await store_run_in_state(runs, make_run(), RunState.RUNNING)
    with pytest.raises(ValueError, match="not a terminal state"):
        await runs.mark_ended("run-1", state=state, at=after(1))


async def test_end_without_start_time_keeps_the_known_one(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    await runs.mark_sent("run-1", at=after(1), webhook=None)
    await runs.mark_submitted("run-1", prediction_id="p")
    await runs.mark_running("run-1", started_at=after(2))
    await runs.mark_ended("run-1", state=RunState.CANCELED, at=after(3))
    run = await runs.get("run-1")
    assert run is not None
    assert run.started_at == after(2)


async def test_end_may_set_the_start_time(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUBMITTED)
    await runs.mark_ended("run-1", state=RunState.SUCCEEDED, at=after(3), started_at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert run.started_at == after(2)


@pytest.mark.parametrize("state", ACTIVE_STATES)
async def test_first_cancel_request_is_kept(runs: Runs, state: RunState) -> None:
    await store_run_in_state(runs, make_run(), state)
    assert await runs.request_cancel("run-1", by_id=MIA, at=after(1))
    assert not await runs.request_cancel("run-1", by_id=BOB, at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.canceled_by_id, run.cancel_requested_at, run.state) == (MIA, after(1), state)


@pytest.mark.parametrize("end", TERMINAL_STATES)
async def test_ended_run_cannot_be_cancelled(runs: Runs, end: RunState) -> None:
    await store_run_in_state(runs, make_run(), end)
    assert not await runs.request_cancel("run-1", by_id=MIA, at=after(1))


@pytest.mark.parametrize("state", ACTIVE_STATES)
async def test_active_run_cannot_be_delivered(runs: Runs, state: RunState) -> None:
    await store_run_in_state(runs, make_run(), state)
    assert not await runs.mark_delivered("run-1", at=after(1))


async def test_delivery_happens_once_and_deletes_the_token(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED)
    assert await runs.mark_delivered("run-1", at=after(1))
    assert not await runs.mark_delivered("run-1", at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.place.token, run.delivered_at) == ("", after(1))


async def test_follow_up_messages_are_found_by_their_latest_id(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    await runs.mark_message_sent("run-1", 1, 71)
    await runs.mark_message_sent("run-1", 2, 72)
    await runs.mark_message_sent("run-1", 0, 70)
    await runs.mark_message_sent("run-1", 1, 73)
    run = await runs.get("run-1")
    assert run is not None
    assert run.messages == {0: 70, 1: 73, 2: 72}
    assert await runs.find_by_message(73) == run
    assert await runs.find_by_message(run.place.message_id) == run
    assert await runs.find_by_message(71) is None


async def test_undelivered_runs_are_listed_oldest_first(runs: Runs) -> None:
    for number, state in enumerate([RunState.RUNNING, RunState.SUCCEEDED, RunState.RESERVED]):
        await store_run_in_state(runs, make_run(f"run-{number}", created_at=after(-number)), state)
    await store_run_in_state(runs, make_run("over"), RunState.FAILED, delivered=True)
    await runs.mark_message_sent("run-1", 1, 71)
    found = await runs.list_undelivered()
    assert [run.id for run in found] == ["run-2", "run-1", "run-0"]
    assert found[1].messages == {1: 71}


async def test_run_ids_are_found_by_prediction(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("run-1"), RunState.RUNNING)
    assert await runs.find_run_ids(["prediction-run-1", "unknown"]) == {"prediction-run-1": "run-1"}
    assert await runs.find_run_ids([]) == {}


async def test_bot_may_request_a_cancel(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert await runs.request_cancel("run-1", by_id=None, at=after(1))
    assert not await runs.request_cancel("run-1", by_id=MIA, at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.cancel_requested_at, run.canceled_by_id, run.cancel_requested_by) == (after(1), None, None)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "prediction_id = 'p', sent_at = NULL",
        "prediction_id = 'p', sent_at = 1",
        "state = 'submitted'",
        "state = 'running'",
        "state = 'succeeded', ended_at = 1",
        "state = 'failed'",
        "ended_at = 1",
        "delivered_at = 1, token = NULL",
        "state = 'failed', ended_at = 1, delivered_at = 2",
        "canceled_by_id = 1",
        "cancel_requested_by = 'mia'",
        "forgotten_at = 1",
        "message_id = NULL",
    ],
)
async def test_database_rejects_inconsistent_rows(store: Store, change: str) -> None:
    await store.runs.reserve(make_run(), ())
    with pytest.raises(StoreError, match="constraint"):
        await store.database.write(
            lambda connection: connection.exec_driver_sql(f"UPDATE runs SET {change}").close()  # noqa: S608 (the changes above)
        )


async def test_message_is_sending_until_its_id_is_stored(runs: Runs) -> None:
    await runs.reserve(make_run())
    assert await runs.mark_message_sending("run-1", 1)
    assert await runs.mark_message_sending("run-1", 2)
    run = await runs.get("run-1")
    assert run is not None
    assert run.sending == 2
    await runs.mark_message_sent("run-1", 2, 72)
    run = await runs.get("run-1")
    assert run is not None
    assert (run.sending, run.messages) == (None, {2: 72})
    assert not await runs.mark_message_sending("nobody", 1)
