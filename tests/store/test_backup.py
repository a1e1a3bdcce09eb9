"""Copies that can be restored, made while the bot works."""

import asyncio
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.folder import content, names, rights
from tests.store.sample import PNG, a_run, run_up_to


async def test_a_copy_made_during_work_is_whole_and_starts_a_bot(
    store: Store, tmp_path: Path, clock: VirtualClock
) -> None:
    await run_up_to(store.runs, a_run("before"), RunState.RUNNING)
    many = asyncio.Event()

    async def work() -> None:
        for number in count():
            await store.runs.reserve(a_run(f"run-{number}"), (PNG,))
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
        assert await copy.runs.load_files(run.id) == (PNG,)
    assert len(await copy.runs.list_undelivered()) > 50
    await copy.close()


async def test_a_copy_takes_the_place_of_the_old_one_and_leaves_nothing_else(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "copies" / "copy.db"
    await store.back_up(path)
    first = content(path)
    await store.runs.reserve(a_run(), ())
    await store.back_up(path)
    assert content(path) != first
    assert names(path.parent) == ["copy.db"]
    assert rights(path) == 0o600


async def test_a_copy_that_fails_leaves_the_old_one(store: Store, tmp_path: Path) -> None:
    await store.back_up(tmp_path / "copy.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder cannot be written"):
        await store.back_up(tmp_path / "folder")
    with pytest.raises(StoreError, match="impossible cannot be written"):
        await store.back_up(tmp_path / "copy.db" / "impossible")
    assert [name for name in names(tmp_path) if "replicord" not in name] == ["copy.db", "folder"]


async def test_memory_has_no_copy(clock: VirtualClock, tmp_path: Path) -> None:
    store = await Store.open("sqlite+aiosqlite://", clock=clock)
    with pytest.raises(StoreError, match="in memory"):
        await store.back_up(tmp_path / "copy.db")
    assert names(tmp_path) == []
    await store.close()
