"""The end of a prediction that is told once is kept until its run has ended."""

from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.samples import after, make_run, store_run_in_state

TOLD = '{"status": "succeeded", "output": "Füchse 🦊"}'


async def told(store: Store, run_id: str) -> str | None:
    _, prediction, _ = await store.prediction_ends.get(run_id)
    return prediction


async def test_a_told_end_is_read_back(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    assert await told(store, "a") is None
    await store.prediction_ends.save("a", TOLD, at=after(1))
    assert await told(store, "a") == TOLD


async def test_of_two_told_ends_the_first_counts(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    await store.prediction_ends.save("a", TOLD, at=after(1))
    await store.prediction_ends.save("a", '{"status": "canceled"}', at=after(2))
    assert await told(store, "a") == TOLD


async def test_a_told_end_goes_when_its_run_ends(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    await store.prediction_ends.save("a", TOLD, at=after(1))
    assert await store.runs.mark_ended("a", state=RunState.SUCCEEDED, at=after(2))
    assert await told(store, "a") is None


async def test_ends_of_unknown_or_ended_runs_are_not_kept(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.SUCCEEDED)
    await store.prediction_ends.save("a", TOLD, at=after(1))
    await store.prediction_ends.save("nobody", TOLD, at=after(1))
    assert await told(store, "a") is None
    assert await told(store, "nobody") is None


async def test_an_end_outlives_a_restart(created_url: str, store: Store, clock: VirtualClock) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    await store.prediction_ends.save("a", TOLD, at=after(1))
    await store.close()
    again = await Store.open(created_url, clock=clock)
    assert await told(again, "a") == TOLD
    await again.close()


async def test_the_time_of_sending_comes_with_the_end(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    run = await store.runs.get("a")
    assert run is not None
    assert run.sent_at is not None
    assert await store.prediction_ends.get("a") == (run.sent_at, None, None)
    assert await store.prediction_ends.get("nobody") == (None, None, None)


async def test_only_ends_of_runs_that_go_on_are_wanted(store: Store) -> None:
    await store_run_in_state(store.runs, make_run("a"), RunState.RUNNING)
    await store_run_in_state(store.runs, make_run("b"), RunState.FAILED)
    assert [await store.prediction_ends.is_wanted(run_id) for run_id in ("a", "b", "nobody")] == [True, False, False]


async def test_a_prediction_is_sent_again_only_while_it_is_wanted(store: Store) -> None:
    for name, state in (("a", RunState.RUNNING), ("over", RunState.FAILED), ("new", RunState.RESERVED)):
        await store_run_in_state(store.runs, make_run(name), state)
    assert await store.runs.mark_resent("a", at=after(9))
    assert (await store.prediction_ends.get("a"))[0] == after(9)
    assert not await store.runs.mark_resent("over", at=after(9))
    assert not await store.runs.mark_resent("new", at=after(9))
    await store.runs.request_cancel("a", by_id=None, at=after(10))
    assert not await store.runs.mark_resent("a", at=after(11))
