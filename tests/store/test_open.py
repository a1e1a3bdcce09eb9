"""Opening and closing a store: what is created, what is rejected, and the error messages."""

import asyncio
import os
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Pool, event

from bot.errors import ConfigError
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.process_lock import ProcessLock
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.files import list_names, set_mode
from tests.store.processes import run_script
from tests.store.samples import after, make_run, store_run_in_state

pytestmark = sqlite_only


async def open_error(url: str, clock: VirtualClock, *, exclusive: bool = True) -> str:
    with pytest.raises(ConfigError) as error:
        await Store.open(url, clock=clock, exclusive=exclusive)
    return str(error.value)


async def test_folders_are_created_and_files_are_private(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "a" / "b" / "c.db"
    store = await Store.open(f"sqlite+aiosqlite:///{path}", clock=clock)
    await store.runs.reserve(make_run(), ())
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.glob("c.db*")} == dict.fromkeys(
        ("c.db", "c.db-wal", "c.db-shm", "c.db.lock", "c.db.pid"), 0o600
    )
    await store.close()


async def test_connections_close_one_after_the_other(
    created_url: str, database_folder: Path, clock: VirtualClock
) -> None:
    """SQLite writes its log into the file with the last one; of two that close together, neither is the last."""
    another_closes = threading.Barrier(2)
    together: list[object] = []

    def close(connection: object, _record: object) -> None:
        try:
            another_closes.wait(0.2)
        except threading.BrokenBarrierError:
            another_closes.reset()
        else:
            together.append(connection)

    store = await Store.open(created_url, clock=clock)
    await store.runs.reserve(make_run(), ())
    await asyncio.gather(store.runs.get("run-1"), store.runs.get("run-1"))
    event.listen(Pool, "close", close)
    try:
        await store.close()
    finally:
        event.remove(Pool, "close", close)
    assert together == []
    assert not {"replicord.db-wal", "replicord.db-shm"} & set(list_names(database_folder))


async def test_relative_path_starts_at_the_working_directory(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await Store.open("sqlite+aiosqlite:///data/replicord.db", clock=clock)
    await store.close()
    assert (tmp_path / "data" / "replicord.db").exists()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
async def test_database_in_memory_works(url: str, clock: VirtualClock) -> None:
    one, other = await Store.open(url, clock=clock), await Store.open(url, clock=clock)
    await store_run_in_state(one.runs, make_run(), RunState.SUCCEEDED, delivered=True)
    assert await one.runs.get("run-1") is not None
    assert await other.runs.get("run-1") is None
    assert await one.find_damage() is None
    await one.close()
    await other.close()


async def test_runs_survive_a_restart(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store_run_in_state(store.runs, make_run(), RunState.RUNNING)
    before = await store.runs.get("run-1")
    await store.close()
    store = await Store.open(url, clock=clock)
    assert await store.runs.get("run-1") == before
    await store.close()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "is not a URL"),
        ("data/replicord.db", "is not a URL"),
        ("mysql://mia:hunter2@db.example/replicord", "uses mysql"),
        ("sqlite+aiosqlite:///data/replicord.db?mode=ro", "must hold only a path"),
        ("sqlite+aiosqlite://data/replicord.db", "must hold only a path"),
        ("sqlite+aiosqlite:///file:replicord.db", "must hold only a path"),
    ],
)
async def test_invalid_url_shows_a_valid_one(url: str, hint: str, clock: VirtualClock) -> None:
    sentence = await open_error(url, clock)
    assert hint in sentence
    assert "sqlite+aiosqlite:///data/replicord.db" in sentence
    assert "hunter2" not in sentence


async def test_folder_that_cannot_be_created_is_named(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "file").touch()
    sentence = await open_error(f"sqlite+aiosqlite:///{tmp_path}/file/replicord.db", clock)
    assert f"The folder {tmp_path}/file cannot be created" in sentence


async def test_url_of_a_folder_is_rejected(tmp_path: Path, clock: VirtualClock) -> None:
    assert "Add a file name" in await open_error(f"sqlite+aiosqlite:///{tmp_path}", clock)


async def test_file_that_is_no_database_stays_unchanged(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "replicord.db"
    file.write_bytes(b"Dear diary" * 100)
    assert "is not an SQLite database" in await open_error(url, clock)
    assert file.read_bytes() == b"Dear diary" * 100


async def test_database_of_another_program_is_rejected(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    assert "another program's tables (recipes)" in await open_error(url, clock)


async def test_database_of_a_newer_version_is_rejected(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    await (await Store.open(url, clock=clock)).close()
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "written by a newer Replicord (step 9999" in await open_error(url, clock)


async def test_damaged_database_is_rejected(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    for number in range(200):
        await store.runs.reserve(make_run(f"run-{number}"), ())
    await store.close()
    file = tmp_path / "replicord.db"
    whole = file.read_bytes()
    half = len(whole) // 8192 * 4096
    file.write_bytes(whole[:half] + b"\xff" * 8192 + whole[half + 8192 :])
    sentence = await open_error(url, clock)
    assert "damaged" in sentence
    assert "latest backup" in sentence


async def test_locked_database_is_rejected(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    await (await Store.open(url, clock=clock)).close()
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert "Another program has locked the database" in await open_error(url, clock)


@pytest.mark.parametrize("writable", ["file", "folder", "neither"])
async def test_read_only_database_is_explained(writable: str) -> None:
    # Not in tmp_path: other users cannot enter it.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "replicord.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        set_mode(file, 0o666 if writable == "file" else 0o444)
        set_mode(folder, 0o777 if writable == "folder" else 0o555)
        nobody = ("65534",) if os.geteuid() == 0 else ()  # root may write everywhere
        async with run_script("open_store", f"sqlite+aiosqlite:///{file}", *nobody) as process:
            output, _ = await process.communicate()
        set_mode(folder, 0o700)
    assert "Give the bot's user" in output.decode()


async def test_second_bot_is_rejected_until_the_first_closes(url: str, clock: VirtualClock) -> None:
    first = await Store.open(url, clock=clock)
    sentence = await open_error(url, clock)
    assert f"Another bot (process {os.getpid()}) is using" in sentence
    await first.close()
    await (await Store.open(url, clock=clock)).close()


async def test_lock_of_another_process_ends_with_it(url: str, clock: VirtualClock) -> None:
    async with run_script("write_until_killed", url) as writer:
        assert writer.stdout is not None
        await writer.stdout.readline()
        assert f"(process {writer.pid})" in await open_error(url, clock)
        writer.kill()
        await writer.communicate()
    await (await Store.open(url, clock=clock)).close()


async def test_shared_store_opens_beside_a_running_bot(url: str, clock: VirtualClock) -> None:
    bot = await Store.open(url, clock=clock)
    await bot.runs.reserve(make_run(), ())
    shared = await Store.open(url, clock=clock, exclusive=False)
    assert await shared.runs.get("run-1") is not None
    await shared.close()
    assert "Another bot" in await open_error(url, clock)
    await bot.close()


async def test_shared_store_does_not_migrate_a_database_in_use(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    running = ProcessLock.acquire(tmp_path / "replicord.db")
    assert "Another bot" in await open_error(url, clock, exclusive=False)
    running.release()
    await (await Store.open(url, clock=clock, exclusive=False)).close()
    await (await Store.open(url, clock=clock)).close()


async def test_failed_open_releases_the_lock(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "replicord.db").write_bytes(b"Dear diary" * 100)
    await open_error(url, clock)
    (tmp_path / "replicord.db").unlink()
    await (await Store.open(url, clock=clock)).close()


async def test_closed_store_rejects_calls_and_closes_twice(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.runs.get("run-1")
    with pytest.raises(StoreError, match="closed"):
        await store.runs.mark_sent("run-1", at=after(1), webhook=None)


async def test_closing_leaves_the_database_and_lock_file(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.runs.reserve(make_run(), ())
    await store.close()
    assert list_names(tmp_path) == ["replicord.db", "replicord.db.lock"]
