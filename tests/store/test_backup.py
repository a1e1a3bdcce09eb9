"""Backups made while the bot writes."""

import asyncio
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.files import get_mode, list_names, read_bytes
from tests.store.samples import PNG, load_files, make_run, store_run_in_state

pytestmark = sqlite_only


async def test_backup_during_writes_is_complete_and_opens(store: Store, tmp_path: Path, clock: VirtualClock) -> None:
    await store_run_in_state(store.runs, make_run("before"), RunState.RUNNING)
    many = asyncio.Event()

    async def work() -> None:
        for number in count():
            await store.runs.reserve(make_run(f"run-{number}"), (PNG,))
            if number == 50:
                many.set()

    working = asyncio.create_task(work())
    await many.wait()
    await store.back_up(tmp_path / "copies" / "copy.db")
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working

    copy = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/copies/copy.db", clock=clock)
    assert await copy.find_damage() is None
    assert await copy.runs.get("before") == await store.runs.get("before")
    for run in await copy.runs.list_undelivered():
        assert await load_files(copy.runs, run.id) == (PNG,)
    assert len(await copy.runs.list_undelivered()) > 50
    await copy.close()


async def test_backup_replaces_the_old_file_and_leaves_no_other(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "copies" / "copy.db"
    await store.back_up(path)
    first = read_bytes(path)
    await store.runs.reserve(make_run(), ())
    await store.back_up(path)
    assert read_bytes(path) != first
    assert list_names(path.parent) == ["copy.db"]
    assert get_mode(path) == 0o600


async def test_failed_backup_keeps_the_old_file(store: Store, tmp_path: Path) -> None:
    await store.back_up(tmp_path / "copy.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder cannot be written"):
        await store.back_up(tmp_path / "folder")
    with pytest.raises(StoreError, match="impossible cannot be written"):
        await store.back_up(tmp_path / "copy.db" / "impossible")
    assert [name for name in list_names(tmp_path) if "replicord" not in name] == ["copy.db", "folder"]


async def test_memory_cannot_be_backed_up(clock: VirtualClock, tmp_path: Path) -> None:
    store = await Store.open("sqlite+aiosqlite://", clock=clock)
    with pytest.raises(StoreError, match="in memory"):
        await store.back_up(tmp_path / "copy.db")
    assert list_names(tmp_path) == []
    await store.close()
