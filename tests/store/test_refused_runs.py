"""What was entered for refused runs: a person's newest few, for half an hour."""

import json
from dataclasses import replace
from datetime import timedelta

from bot.limits import REFUSED_RUN_CHARS, REFUSED_RUN_KEPT, REFUSED_RUNS_PER_PERSON
from bot.store.store import Store
from tests.store.samples import BOB, MIA, T0, make_refused


async def test_a_refused_run_is_read_back_unchanged(store: Store) -> None:
    for refused in (make_refused(), replace(make_refused("r2"), parent=None, visibility=None, again_run_id="run-3")):
        assert await store.refused_runs.put(refused)
        assert await store.refused_runs.get(refused.id, now=T0) == refused


async def test_a_second_refusal_replaces_the_first(store: Store) -> None:
    await store.refused_runs.put(make_refused())
    second = replace(make_refused(seconds=5), remarks={"prompt": "too long"})
    await store.refused_runs.put(second)
    assert await store.refused_runs.get("r1", now=T0) == second


async def test_one_of_two_presses_takes_it(store: Store) -> None:
    await store.refused_runs.put(make_refused())
    assert await store.refused_runs.delete("r1")
    assert not await store.refused_runs.delete("r1")
    assert await store.refused_runs.get("r1", now=T0) is None


async def test_those_that_are_stored_still_are_found(store: Store) -> None:
    for refused_id in ("r1", "r2"):
        await store.refused_runs.put(make_refused(refused_id))
    await store.refused_runs.delete("r1")
    assert await store.refused_runs.find_stored(["r1", "r2", "r3"]) == {"r2"}
    assert await store.refused_runs.find_stored([]) == frozenset()


async def test_the_newest_few_of_a_person_are_kept(store: Store) -> None:
    await store.refused_runs.put(make_refused("bobs", person=BOB))
    for number in range(REFUSED_RUNS_PER_PERSON + 1):
        await store.refused_runs.put(make_refused(f"r{number}", seconds=number))
    kept = [await store.refused_runs.get(one, now=T0) is not None for one in ("r0", "r1", "r5", "bobs")]
    assert kept == [False, True, True, True]


async def test_it_is_gone_after_its_time(store: Store) -> None:
    await store.refused_runs.put(make_refused())
    late = T0 + REFUSED_RUN_KEPT
    assert await store.refused_runs.get("r1", now=late - timedelta(seconds=1)) is not None
    assert await store.refused_runs.get("r1", now=late) is None
    await store.runs.delete_expired(late, prompts_for=None, files_for=None, runs_for=None)
    assert (await store.runs.count_stored(MIA)).refused_runs == 0


async def test_what_is_too_long_has_no_row(store: Store) -> None:
    long = replace(make_refused(), entered={"prompt": "x" * REFUSED_RUN_CHARS})
    assert not await store.refused_runs.put(long)
    assert await store.refused_runs.get("r1", now=T0) is None


async def test_a_person_exports_and_erases_their_own(store: Store) -> None:
    await store.refused_runs.put(make_refused())
    await store.refused_runs.put(make_refused("bobs", person=BOB))
    assert (await store.runs.count_stored(MIA)).refused_runs == 1
    [exported] = json.loads(json.dumps(await store.runs.export(MIA)))["refused_runs"]
    assert exported["entered"]["image"] == ["file:0", "file:1"]
    await store.runs.erase(MIA)
    assert await store.refused_runs.get("r1", now=T0) is None
    assert await store.refused_runs.get("bobs", now=T0) is not None
