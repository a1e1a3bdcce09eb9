"""A delivered result is covered, taken apart and deleted; what was asked for is found after a restart."""

from datetime import timedelta

import pytest

from bot.store.models import RunState
from bot.store.results import Results
from bot.store.runs import Runs
from bot.store.store import Store
from bot.visibility import Visibility
from tests.clock import VirtualClock
from tests.store.samples import BOB, MIA, T0, after, make_run, store_run_in_state
from tests.store.test_outputs import make_output

LONG_AGO = T0 - timedelta(days=1)


@pytest.fixture
def results(store: Store) -> Results:
    return store.results


async def deliver(runs: Runs, *, count: int = 2) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED)
    outputs = [make_output(number) for number in range(1, count + 1)]
    assert await runs.mark_delivered("run-1", at=after(1), outputs=outputs)


async def test_a_deleted_result_leaves_no_copy(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert await results.request_deletion("run-1")
    assert await results.mark_deleted("run-1")
    run = await runs.get("run-1")
    assert run is not None
    assert (run.output, run.deleted_at is not None, run.prompt) == (None, True, "a cat")
    assert all(output.removed_at is not None for output in await runs.list_outputs("run-1"))


async def test_a_deletion_is_requested_once(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert await results.request_deletion("run-1")
    assert not await results.request_deletion("run-1")
    assert await results.mark_deleted("run-1")
    assert not await results.mark_deleted("run-1")
    assert not await results.request_deletion("run-1")


async def test_only_a_delivered_result_is_deleted(runs: Runs, results: Results) -> None:
    await store_run_in_state(runs, make_run(), RunState.SUCCEEDED)
    assert not await results.request_deletion("run-1")
    assert not await results.mark_deleted("run-1")


async def test_what_was_asked_for_is_found_again(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert await results.list_being_changed(since=LONG_AGO) == ()
    assert await results.request_removal("run-1", 2)
    assert [run.id for run in await results.list_being_changed(since=LONG_AGO)] == ["run-1"]
    assert await results.mark_removed("run-1", 2)
    assert await results.list_being_changed(since=LONG_AGO) == ()
    await results.request_deletion("run-1")
    assert [run.id for run in await results.list_being_changed(since=LONG_AGO)] == ["run-1"]
    assert await results.list_being_changed(since=T0 + timedelta(days=9)) == ()
    await results.mark_deleted("run-1")
    assert await results.list_being_changed(since=LONG_AGO) == ()


async def test_an_output_is_removed_once(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert not await results.mark_removed("run-1", 1)
    assert await results.request_removal("run-1", 1)
    assert not await results.request_removal("run-1", 1)
    assert await results.mark_removed("run-1", 1)
    assert not await results.request_removal("run-1", 1)
    first, second = await runs.list_outputs("run-1")
    assert (first.removed_at is not None, second.removed_at) == (True, None)


async def test_visibility_is_changed_from_what_was_seen(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert await results.set_visibility("run-1", Visibility.SPOILER, before=Visibility.PUBLIC)
    assert not await results.set_visibility("run-1", Visibility.SPOILER, before=Visibility.PUBLIC)
    run = await runs.get("run-1")
    assert run is not None
    assert run.visibility is Visibility.SPOILER


async def test_a_reaction_counts_once_until_it_is_taken_away(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert await results.note_reaction("run-1", BOB, "❌")
    assert not await results.note_reaction("run-1", BOB, "❌")
    assert await results.note_reaction("run-1", BOB, "🙈")
    assert await results.note_reaction("run-1", MIA, "❌")
    await results.forget_reaction("run-1", BOB, "❌")
    assert await results.note_reaction("run-1", BOB, "❌")
    assert not await results.note_reaction("nobody", BOB, "❌")


async def test_reactions_are_a_persons_data(runs: Runs, results: Results) -> None:
    await deliver(runs)
    await results.note_reaction("run-1", BOB, "❌")
    assert [entry["emoji"] for entry in (await runs.export(BOB))["reactions"]] == ["❌"]
    await runs.erase(BOB)
    assert (await runs.export(BOB))["reactions"] == []


async def test_old_reactions_are_forgotten(runs: Runs, results: Results, clock: VirtualClock) -> None:
    await deliver(runs)
    await results.note_reaction("run-1", BOB, "❌")
    await runs.delete_expired(clock.now() + timedelta(days=1))
    assert not await results.note_reaction("run-1", BOB, "❌")
    await runs.delete_expired(clock.now() + timedelta(days=4))
    assert await results.note_reaction("run-1", BOB, "❌")


async def test_recent_results_are_those_the_bot_reaches(runs: Runs, results: Results) -> None:
    await deliver(runs)
    assert [run.id for run in await results.list_recent(since=T0, limit=5)] == ["run-1"]
    assert await results.list_recent(since=after(2), limit=5) == ()
    await results.request_deletion("run-1")
    await results.mark_deleted("run-1")
    assert await results.list_recent(since=T0, limit=5) == ()
