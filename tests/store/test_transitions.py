"""A run's way, move by move: what each changes, and when it is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.runs import Runs
from tests.store.sample import BOB, MIA, PNG, a_run, after, run_up_to

GOING = [RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING]
ENDS = [state for state in RunState if state.terminal]


async def test_a_reserved_run_is_read_back_as_it_was_given(runs: Runs) -> None:
    run = a_run()
    await runs.reserve(run, (PNG, PNG))
    assert await runs.get(run.id) == run
    assert await runs.load_files(run.id) == (PNG, PNG)


async def test_a_run_that_is_not_there_is_none(runs: Runs) -> None:
    assert await runs.get("run-1") is None
    assert await runs.find_by_message(1) is None
    assert await runs.load_files("run-1") == ()
    assert not await runs.mark_sent("run-1", at=after(1), webhook=None)
    assert not await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))
    await runs.mark_message_sent("run-1", 1, 5)


async def test_the_same_run_cannot_be_reserved_twice_and_the_first_stays(runs: Runs) -> None:
    await runs.reserve(a_run(prompt="first"), ())
    with pytest.raises(StoreError):
        await runs.reserve(a_run(prompt="second"), (PNG,))
    run = await runs.get("run-1")
    assert run is not None
    assert run.prompt == "first"
    assert await runs.load_files("run-1") == ()


async def test_a_whole_life_leaves_its_times_and_its_output(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
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


async def test_the_request_leaves_once(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    assert await runs.mark_sent("run-1", at=after(1), webhook=None)
    assert not await runs.mark_sent("run-1", at=after(2), webhook=None)
    run = await runs.get("run-1")
    assert run is not None
    assert run.sent_at == after(1)


async def test_a_run_whose_cancel_was_requested_is_never_sent(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    assert await runs.request_cancel("run-1", by_id=MIA, at=after(1))
    assert not await runs.mark_sent("run-1", at=after(2), webhook=None)


async def test_a_request_that_did_not_arrive_is_taken_back_and_may_leave_again(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    assert not await runs.mark_unsent("run-1")
    await runs.mark_sent("run-1", at=after(1), webhook="https://bot.example/hook")
    assert await runs.mark_unsent("run-1")
    run = await runs.get("run-1")
    assert run is not None
    assert (run.sent_at, run.webhook) == (None, None)
    assert await runs.mark_sent("run-1", at=after(2), webhook=None)


async def test_a_request_that_has_its_prediction_is_not_taken_back(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUBMITTED)
    assert not await runs.mark_unsent("run-1")


async def test_a_prediction_is_taken_only_by_a_run_that_was_sent(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    assert not await runs.mark_submitted("run-1", prediction_id="p")


async def test_a_prediction_belongs_to_one_run(runs: Runs) -> None:
    await run_up_to(runs, a_run("run-1"), RunState.SUBMITTED)
    await runs.reserve(a_run("run-2"), ())
    await runs.mark_sent("run-2", at=after(1), webhook=None)
    assert not await runs.mark_submitted("run-2", prediction_id="prediction-run-1")
    assert await runs.mark_submitted("run-2", prediction_id="another")


async def test_a_run_takes_one_prediction(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUBMITTED)
    assert not await runs.mark_submitted("run-1", prediction_id="another")
    run = await runs.get("run-1")
    assert run is not None
    assert run.prediction_id == "prediction-run-1"


async def test_a_run_that_ended_while_its_prediction_was_looked_for_does_not_take_it(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    await runs.mark_sent("run-1", at=after(1), webhook=None)
    await runs.mark_ended("run-1", state=RunState.FAILED, at=after(2))
    assert not await runs.mark_submitted("run-1", prediction_id="p")


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.SUBMITTED])
async def test_only_a_submitted_run_begins(runs: Runs, state: RunState) -> None:
    await run_up_to(runs, a_run(), state)
    assert not await runs.mark_running("run-1", started_at=after(1))


@pytest.mark.parametrize("state", GOING)
@pytest.mark.parametrize("end", [RunState.FAILED, RunState.CANCELED, RunState.ABORTED])
async def test_any_run_that_is_going_may_end(runs: Runs, state: RunState, end: RunState) -> None:
    await run_up_to(runs, a_run(), state)
    assert await runs.mark_ended("run-1", state=end, at=after(1), failure="It failed.", cause="timeout")
    run = await runs.get("run-1")
    assert run is not None
    assert (run.state, run.ended_at, run.failure, run.cause) == (end, after(1), "It failed.", "timeout")


@pytest.mark.parametrize("end", ENDS)
async def test_a_run_ends_once(runs: Runs, end: RunState) -> None:
    await run_up_to(runs, a_run(), end)
    before = await runs.get("run-1")
    assert not await runs.mark_ended("run-1", state=RunState.CANCELED, at=after(9), output=["other"])
    assert await runs.get("run-1") == before


@pytest.mark.parametrize("state", GOING)
async def test_a_state_that_is_no_end_ends_nothing(runs: Runs, state: RunState) -> None:
    await run_up_to(runs, a_run(), RunState.RUNNING)
    with pytest.raises(ValueError, match="not a terminal state"):
        await runs.mark_ended("run-1", state=state, at=after(1))


async def test_an_end_that_knows_no_start_leaves_the_one_that_is_known(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    await runs.mark_sent("run-1", at=after(1), webhook=None)
    await runs.mark_submitted("run-1", prediction_id="p")
    await runs.mark_running("run-1", started_at=after(2))
    await runs.mark_ended("run-1", state=RunState.CANCELED, at=after(3))
    run = await runs.get("run-1")
    assert run is not None
    assert run.started_at == after(2)


async def test_an_end_may_bring_the_start_that_nobody_saw(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUBMITTED)
    await runs.mark_ended("run-1", state=RunState.SUCCEEDED, at=after(3), started_at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert run.started_at == after(2)


@pytest.mark.parametrize("state", GOING)
async def test_the_first_cancel_counts(runs: Runs, state: RunState) -> None:
    await run_up_to(runs, a_run(), state)
    assert await runs.request_cancel("run-1", by_id=MIA, at=after(1))
    assert not await runs.request_cancel("run-1", by_id=BOB, at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.canceled_by_id, run.cancel_requested_at, run.state) == (MIA, after(1), state)


@pytest.mark.parametrize("end", ENDS)
async def test_what_is_over_cannot_be_cancelled(runs: Runs, end: RunState) -> None:
    await run_up_to(runs, a_run(), end)
    assert not await runs.request_cancel("run-1", by_id=MIA, at=after(1))


@pytest.mark.parametrize("state", GOING)
async def test_nothing_is_delivered_before_it_ended(runs: Runs, state: RunState) -> None:
    await run_up_to(runs, a_run(), state)
    assert not await runs.mark_delivered("run-1", at=after(1))


async def test_delivery_happens_once_and_forgets_the_token(runs: Runs) -> None:
    await run_up_to(runs, a_run(), RunState.SUCCEEDED)
    assert await runs.mark_delivered("run-1", at=after(1))
    assert not await runs.mark_delivered("run-1", at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.place.token, run.delivered_at) == ("", after(1))


async def test_further_messages_are_found_and_the_last_word_on_a_number_counts(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
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


async def test_undelivered_runs_come_oldest_first_with_their_messages(runs: Runs) -> None:
    for number, state in enumerate([RunState.RUNNING, RunState.SUCCEEDED, RunState.RESERVED]):
        await run_up_to(runs, a_run(f"run-{number}", created_at=after(-number)), state)
    await run_up_to(runs, a_run("over"), RunState.FAILED, delivered=True)
    await runs.mark_message_sent("run-1", 1, 71)
    found = await runs.list_undelivered()
    assert [run.id for run in found] == ["run-2", "run-1", "run-0"]
    assert found[1].messages == {1: 71}


async def test_owners_names_only_predictions_that_a_run_has(runs: Runs) -> None:
    await run_up_to(runs, a_run("run-1"), RunState.RUNNING)
    assert await runs.find_run_ids(["prediction-run-1", "unknown"]) == {"prediction-run-1": "run-1"}
    assert await runs.find_run_ids([]) == {}


async def test_the_bot_itself_may_request_a_cancel(runs: Runs) -> None:
    await runs.reserve(a_run(), ())
    assert await runs.request_cancel("run-1", by_id=None, at=after(1))
    assert not await runs.request_cancel("run-1", by_id=MIA, at=after(2))
    run = await runs.get("run-1")
    assert run is not None
    assert (run.cancel_requested_at, run.canceled_by_id, run.cancel_requested_by) == (after(1), None, None)


@pytest.mark.parametrize(
    "breach",
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
async def test_the_database_itself_refuses_a_row_that_breaks_a_promise(runs: Runs, tmp_path: Path, breach: str) -> None:
    await runs.reserve(a_run(), ())
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell, pytest.raises(sqlite3.IntegrityError):
        shell.execute(f"UPDATE runs SET {breach}")  # noqa: S608 (the breaches above)


async def test_a_message_is_being_sent_until_its_id_is_known(runs: Runs) -> None:
    await runs.reserve(a_run())
    await runs.mark_message_sending("run-1", 1)
    await runs.mark_message_sending("run-1", 2)
    run = await runs.get("run-1")
    assert run is not None
    assert run.sending == 2
    await runs.mark_message_sent("run-1", 2, 72)
    run = await runs.get("run-1")
    assert run is not None
    assert (run.sending, run.messages) == (None, {2: 72})
    await runs.mark_message_sending("nobody", 1)
