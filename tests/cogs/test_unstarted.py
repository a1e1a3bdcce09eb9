"""Notes of runs whose files are read: whose they are, and when nothing is said of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from bot.errors import Refused
from bot.store.store import Store
from cogs.unstarted import UnstartedRun, UnstartedRuns
from tests.clock import VirtualClock
from tests.store.databases import create_database
from tests.store.samples import T0, after, make_run

if TYPE_CHECKING:
    from bot.client import Replicord

NOBODY = cast("Replicord", None)  # nothing may be said in these tests
NOTE = UnstartedRun(
    run_id="run-1",
    application_id=1,
    message_id=2,
    token="token",
    expires_at=after(900).timestamp(),
    language="de",
)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def created(tmp_path: Path) -> str:
    return create_database(tmp_path)


@pytest.fixture
async def store(created: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(created, clock=clock, durable=False)
    yield store
    await store.close()


def open_notes(folder: Path, store: Store, clock: VirtualClock) -> UnstartedRuns:
    notes = UnstartedRuns(folder / "notes", runs=store.runs, clock=clock)
    notes.open()
    return notes


def noted(folder: Path) -> list[str]:
    return [path.stem for path in (folder / "notes").rglob("*.json")]


async def leave_behind(folder: Path, store: Store, clock: VirtualClock, note: UnstartedRun = NOTE) -> None:
    """Note a run in a process that ends before it starts."""
    notes = open_notes(folder, store, clock)
    with suppress(asyncio.CancelledError):
        async with notes.note(note):
            raise asyncio.CancelledError
    notes.close()
    assert noted(folder) == [note.run_id]


async def test_a_note_is_there_while_its_files_are_read(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    notes = open_notes(tmp_path, store, clock)
    async with notes.note(NOTE):
        assert noted(tmp_path) == ["run-1"]
        [path] = (tmp_path / "notes").rglob("*.json")
        assert path.stat().st_mode & 0o077 == 0
    assert noted(tmp_path) == []
    with suppress(Refused):
        async with notes.note(replace(NOTE, run_id="refused")):
            raise Refused("no")
    assert noted(tmp_path) == []
    notes.close()
    assert list((tmp_path / "notes").iterdir()) == []


async def test_notes_of_a_living_process_are_its_own(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    first, second = open_notes(tmp_path, store, clock), open_notes(tmp_path, store, clock)
    async with first.note(NOTE):
        await second.tell_left_behind(NOBODY)
        await first.tell_left_behind(NOBODY)
        assert noted(tmp_path) == ["run-1"]


async def test_of_a_run_that_has_a_row_nothing_is_said(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    await leave_behind(tmp_path, store, clock)
    await store.runs.reserve(make_run("run-1"))
    await open_notes(tmp_path, store, clock).tell_left_behind(NOBODY)
    assert noted(tmp_path) == []


async def test_nothing_is_said_once_the_token_has_expired(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    await leave_behind(tmp_path, store, clock, replace(NOTE, expires_at=T0.timestamp()))
    await open_notes(tmp_path, store, clock).tell_left_behind(NOBODY)
    assert noted(tmp_path) == []


async def test_a_note_that_was_half_written_is_passed_over(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    await leave_behind(tmp_path, store, clock)
    [path] = (tmp_path / "notes").rglob("*.json")
    path.write_text('{"run_id": "ru', encoding="utf-8")
    await open_notes(tmp_path, store, clock).tell_left_behind(NOBODY)
    assert noted(tmp_path) == []


async def test_a_full_disk_costs_the_note_and_not_the_run(tmp_path: Path, store: Store, clock: VirtualClock) -> None:
    (tmp_path / "file").touch()
    notes = UnstartedRuns(tmp_path / "file" / "notes", runs=store.runs, clock=clock)
    notes.open()
    async with notes.note(NOTE):
        assert noted(tmp_path) == []
    await notes.tell_left_behind(NOBODY)
    notes.close()
