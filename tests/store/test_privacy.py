"""What is stored about a person: listed, counted, exported and erased."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from bot.store.commands import CommandRow
from bot.store.models import RunState
from bot.store.privacy import StoredCounts
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.files import read_bytes
from tests.store.samples import BOB, MIA, PNG, T0, after, cancel_and_deliver, load_files, make_run, store_run_in_state


async def test_active_runs_are_own_and_oldest_first(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("late", created_at=after(2)), RunState.RUNNING)
    await store_run_in_state(runs, make_run("early", created_at=after(1)), RunState.RESERVED)
    await store_run_in_state(runs, make_run("over"), RunState.SUCCEEDED)
    await store_run_in_state(runs, make_run("bobs", author_id=BOB), RunState.RUNNING)
    assert [run.id for run in await runs.list_active(MIA)] == ["early", "late"]


async def test_recent_runs_are_own_and_newest_first(runs: Runs) -> None:
    for number in range(25):
        await runs.reserve(make_run(f"run-{number:02}", created_at=after(number // 4)), ())
    await runs.reserve(make_run("bobs", author_id=BOB, created_at=after(99)), ())
    recent = await runs.list_recent(MIA, limit=7)
    assert [run.id for run in recent] == [f"run-{number:02}" for number in range(24, 17, -1)]


async def test_stored_data_is_counted_per_person(store: Store) -> None:
    runs = store.runs
    assert await runs.count_stored(MIA) == StoredCounts(runs=0, oldest_run_at=None, files=0, added_commands=0)
    await runs.reserve(make_run("run-1", created_at=after(5)), (PNG, PNG))
    await runs.reserve(make_run("run-2", created_at=after(3)), (PNG,))
    await runs.reserve(make_run("bobs", author_id=BOB), (PNG,))
    await store.commands.save(CommandRow(name="draw", target="owner/model", added_by=MIA, added_at=T0))
    await store.commands.save(CommandRow(name="write", target="owner/words", added_by=BOB, added_at=T0))
    assert await runs.count_stored(MIA) == StoredCounts(runs=2, oldest_run_at=after(3), files=3, added_commands=1)


async def test_spending_is_counted_since_its_first_day(runs: Runs) -> None:
    for number, author_id in enumerate((MIA, MIA, BOB)):
        run = make_run(f"run-{number}", author_id=author_id, created_at=after(number * 86_400), estimate=7)
        await runs.reserve(run)
        await runs.mark_sent(run.id, at=run.created_at)
        await runs.mark_submitted(run.id, prediction_id=f"p{number}")
        await runs.mark_ended(run.id, state=RunState.SUCCEEDED, at=run.created_at, cost=5)
    counts = await runs.count_stored(MIA)
    assert (counts.spent, counts.spent_since) == (10, T0.date())


async def test_export_has_every_run_with_its_files(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("run-1"), RunState.SUCCEEDED)
    await runs.mark_message_sent("run-1", 1, 71)
    await runs.reserve(make_run("run-2", created_at=after(1)), ())
    await runs.reserve(make_run("bobs", author_id=BOB), ())
    told = json.loads(json.dumps(await runs.export(MIA)))
    assert [run["id"] for run in told["runs"]] == ["run-2", "run-1"]
    run = told["runs"][1]
    assert run["input"] == {"prompt": "a cat", "subject": "file:0"}
    assert run["created_at"] == "2026-01-01T00:00:00+00:00"
    assert run["output"] == ["https://replicate.delivery/1.png"]
    assert run["files"] == [{"name": "me.png", "type": "image/png", "size": 264}]
    assert run["messages"] == [71]


async def test_export_has_no_interaction_token(runs: Runs) -> None:
    run = make_run()
    await runs.reserve(run, ())
    assert run.place.token not in json.dumps(await runs.export(MIA))


async def test_export_masks_secret_inputs(runs: Runs) -> None:
    await runs.reserve(make_run("run-1", input={"prompt": "a fox", "hf_token": "t0", "config": {"api_key": "k0"}}))
    exported = json.dumps(await runs.export(MIA))
    assert "a fox" in exported
    assert "t0" not in exported
    assert "k0" not in exported


async def test_export_longer_than_a_page_is_complete(runs: Runs) -> None:
    await asyncio.gather(*(runs.reserve(make_run(f"run-{n}", created_at=after(n // 300)), ()) for n in range(450)))
    told = await runs.export(MIA)
    assert len({run["id"] for run in told["runs"]}) == len(told["runs"]) == 450


async def test_export_without_data_is_empty(runs: Runs) -> None:
    exported = await runs.export(BOB)
    assert exported.pop("author_id") == BOB
    assert not any(exported.values())


async def test_erasing_deletes_delivered_runs_and_their_files(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("mine"), RunState.SUCCEEDED, delivered=True)
    await runs.mark_message_sent("mine", 1, 71)
    await store_run_in_state(runs, make_run("bobs", author_id=BOB), RunState.SUCCEEDED, delivered=True)
    erased = await runs.erase(MIA)
    assert (erased.deleted, erased.pending) == (1, 0)
    assert await runs.get("mine") is None
    assert await load_files(runs, "mine") == ()
    assert await runs.find_by_message(71) is None
    assert await runs.get("bobs") is not None


async def test_erased_active_run_is_deleted_when_delivered(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(), RunState.RUNNING)
    erased = await runs.erase(MIA)
    assert (erased.deleted, erased.pending) == (0, 1)
    assert await runs.get("run-1") is not None
    assert [run.id for run in await runs.list_undelivered()] == ["run-1"]
    assert await runs.mark_ended("run-1", state=RunState.SUCCEEDED, at=after(1))
    assert await runs.mark_delivered("run-1", at=after(2))
    assert not await runs.mark_delivered("run-1", at=after(2))
    assert await runs.get("run-1") is None
    assert await load_files(runs, "run-1") == ()
    await runs.mark_message_sent("run-1", 0, 70)
    assert await runs.find_by_message(70) is None


async def test_erasing_more_than_a_page_is_complete(runs: Runs) -> None:
    await asyncio.gather(*(runs.reserve(make_run(f"run-{number}"), ()) for number in range(450)))
    await asyncio.gather(*(cancel_and_deliver(runs, f"run-{number}", at=after(1)) for number in range(450)))
    assert (await runs.erase(MIA)).deleted == 450
    assert await runs.list_recent(MIA, limit=1) == ()


async def test_time_of_an_erased_run_is_kept_for_a_day(runs: Runs) -> None:
    await store_run_in_state(runs, make_run(created_at=T0), RunState.SUCCEEDED, delivered=True)
    await runs.erase(MIA)
    assert (await runs.export(MIA))["erased_runs"] == ["2026-01-01T00:00:00+00:00"]
    await runs.delete_expired(after(86_399))
    assert (await runs.export(MIA))["erased_runs"] != []
    await runs.delete_expired(after(86_400))
    assert (await runs.export(MIA))["erased_runs"] == []


async def test_erased_unsent_or_old_run_leaves_nothing(runs: Runs) -> None:
    await runs.reserve(make_run("never-left"), ())
    await runs.mark_ended("never-left", state=RunState.CANCELED, at=after(1))
    await runs.mark_delivered("never-left", at=after(1))
    await store_run_in_state(runs, make_run("old", created_at=after(-86_400)), RunState.SUCCEEDED, delivered=True)
    assert (await runs.erase(MIA)).deleted == 2
    assert (await runs.export(MIA))["erased_runs"] == []


async def test_erasing_keeps_commands_without_their_author(store: Store) -> None:
    row = CommandRow(name="draw", target="owner/model", added_by=MIA, added_at=T0)
    await store.commands.save(row)
    told = await store.runs.export(MIA)
    assert told["added_commands"] == [{"name": "draw", "added_at": "2026-01-01T00:00:00+00:00"}]
    await store.runs.erase(MIA)
    assert [(row.name, row.added_by) for row in await store.commands.list_all()] == [("draw", None)]


async def test_erasing_removes_the_id_from_canceled_runs(runs: Runs) -> None:
    await store_run_in_state(runs, make_run("mias"), RunState.RUNNING)
    await store_run_in_state(runs, make_run("others"), RunState.RUNNING)
    await runs.request_cancel("mias", by_id=BOB, at=after(1))
    await runs.request_cancel("others", by_id=MIA, at=after(1))
    await runs.erase(BOB)
    canceled = [await runs.get(run_id) for run_id in ("mias", "others")]
    assert [run and run.canceled_by_id for run in canceled] == [None, MIA]
    assert [run and run.cancel_requested_at for run in canceled] == [after(1), after(1)]


@sqlite_only
async def test_erased_content_is_overwritten_in_the_file(
    created_url: str, database_folder: Path, clock: VirtualClock
) -> None:
    store = await Store.open(created_url, clock=clock)
    wish, face = "my very secret wish", b"my very own face" * 2_000
    run = make_run(prompt=wish, input={"prompt": wish})
    await store.runs.reserve(run, (replace(PNG, data=face),))
    await store.runs.mark_ended(run.id, state=RunState.FAILED, at=after(1))
    await store.runs.mark_delivered(run.id, at=after(1))
    await store.close()
    assert wish.encode() in read_bytes(database_folder / "replicord.db")
    assert face[:16] in read_bytes(database_folder / "replicord.db")
    store = await Store.open(created_url, clock=clock)
    await store.runs.erase(MIA)
    await store.close()
    left = read_bytes(database_folder / "replicord.db")
    assert wish.encode() not in left
    assert face[:16] not in left
    assert run.place.token.encode() not in left
