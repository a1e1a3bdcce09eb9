"""Opening and closing: what is made, what is refused, and in which words."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.process_lock import ProcessLock
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.folder import allow, names
from tests.store.processes import python
from tests.store.sample import a_run, after, run_up_to


async def refusal(url: str, clock: VirtualClock, *, exclusive: bool = True) -> str:
    with pytest.raises(ConfigError) as refused:
        await Store.open(url, clock=clock, exclusive=exclusive)
    return str(refused.value)


async def test_folders_are_made_and_only_the_bots_user_may_read(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "a" / "b" / "c.db"
    store = await Store.open(f"sqlite+aiosqlite:///{path}", clock=clock)
    await store.runs.reserve(a_run(), ())
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.glob("c.db*")} == dict.fromkeys(
        ("c.db", "c.db-wal", "c.db-shm", "c.db.lock", "c.db.pid"), 0o600
    )
    await store.close()


async def test_a_relative_path_starts_at_the_working_folder(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await Store.open("sqlite+aiosqlite:///data/replicord.db", clock=clock)
    await store.close()
    assert (tmp_path / "data" / "replicord.db").exists()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
async def test_memory_serves_as_well(url: str, clock: VirtualClock) -> None:
    one, other = await Store.open(url, clock=clock), await Store.open(url, clock=clock)
    await run_up_to(one.runs, a_run(), RunState.SUCCEEDED, delivered=True)
    assert await one.runs.get("run-1") is not None
    assert await other.runs.get("run-1") is None
    assert await one.find_damage() is None
    await one.close()
    await other.close()


async def test_what_was_written_is_there_after_a_restart(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await run_up_to(store.runs, a_run(), RunState.RUNNING)
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
        ("postgresql+asyncpg://mia:hunter2@db.example/replicord", "uses postgresql"),
        ("sqlite+aiosqlite:///data/replicord.db?mode=ro", "must hold only a path"),
        ("sqlite+aiosqlite://data/replicord.db", "must hold only a path"),
        ("sqlite+aiosqlite:///file:replicord.db", "must hold only a path"),
    ],
)
async def test_a_wrong_url_is_answered_with_a_right_one(url: str, hint: str, clock: VirtualClock) -> None:
    sentence = await refusal(url, clock)
    assert hint in sentence
    assert "sqlite+aiosqlite:///data/replicord.db" in sentence
    assert "hunter2" not in sentence


async def test_a_folder_that_cannot_be_made(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "file").touch()
    sentence = await refusal(f"sqlite+aiosqlite:///{tmp_path}/file/replicord.db", clock)
    assert f"The folder {tmp_path}/file cannot be created" in sentence


async def test_a_folder_where_a_file_should_be(tmp_path: Path, clock: VirtualClock) -> None:
    assert "Add a file name" in await refusal(f"sqlite+aiosqlite:///{tmp_path}", clock)


async def test_a_file_that_is_no_database_stays_as_it_is(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "replicord.db"
    file.write_bytes(b"Dear diary" * 100)
    assert "is not an SQLite database" in await refusal(url, clock)
    assert file.read_bytes() == b"Dear diary" * 100


async def test_another_programs_database_stays_as_it_is(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:
        shell.execute("CREATE TABLE recipes (name)")
    assert "another program's tables (recipes)" in await refusal(url, clock)


async def test_a_database_from_a_newer_version(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    await (await Store.open(url, clock=clock)).close()
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:
        shell.execute("UPDATE alembic_version SET version_num = '9999'")
        shell.commit()
    assert "written by a newer Replicord (step 9999" in await refusal(url, clock)


async def test_a_damaged_database_is_not_run_on(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    for number in range(200):
        await store.runs.reserve(a_run(f"run-{number}"), ())
    await store.close()
    file = tmp_path / "replicord.db"
    whole = file.read_bytes()
    half = len(whole) // 8192 * 4096
    file.write_bytes(whole[:half] + b"\xff" * 8192 + whole[half + 8192 :])
    sentence = await refusal(url, clock)
    assert "damaged" in sentence
    assert "latest backup" in sentence


async def test_a_database_that_another_program_holds(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    await (await Store.open(url, clock=clock)).close()
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        assert "Another program has locked the database" in await refusal(url, clock)


@pytest.mark.parametrize("writable", ["file", "folder", "neither"])
async def test_a_database_that_may_only_be_read(writable: str) -> None:
    # Not in tmp_path, which nobody else may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "replicord.db"
        with closing(sqlite3.connect(file)) as shell:
            shell.execute("PRAGMA journal_mode=WAL")
        allow(file, 0o666 if writable == "file" else 0o444)
        allow(folder, 0o777 if writable == "folder" else 0o555)
        nobody = ("65534",) if os.geteuid() == 0 else ()  # the superuser may write everywhere
        async with python("opener", f"sqlite+aiosqlite:///{file}", *nobody) as opener:
            said, _ = await opener.communicate()
        allow(folder, 0o700)
    assert "Give the bot's user" in said.decode()


async def test_a_second_bot_is_refused_by_number_until_the_first_is_gone(url: str, clock: VirtualClock) -> None:
    first = await Store.open(url, clock=clock)
    sentence = await refusal(url, clock)
    assert f"Another bot (process {os.getpid()}) is using" in sentence
    await first.close()
    await (await Store.open(url, clock=clock)).close()


async def test_a_bot_in_another_process_keeps_its_database_until_it_is_killed(url: str, clock: VirtualClock) -> None:
    async with python("victim", url) as victim:
        assert victim.stdout is not None
        await victim.stdout.readline()
        assert f"(process {victim.pid})" in await refusal(url, clock)
        victim.kill()
        await victim.communicate()
    await (await Store.open(url, clock=clock)).close()


async def test_who_only_looks_opens_beside_a_running_bot_and_leaves_it_its_place(url: str, clock: VirtualClock) -> None:
    bot = await Store.open(url, clock=clock)
    await bot.runs.reserve(a_run(), ())
    looker = await Store.open(url, clock=clock, exclusive=False)
    assert await looker.runs.get("run-1") is not None
    await looker.close()
    assert "Another bot" in await refusal(url, clock)
    await bot.close()


async def test_who_only_looks_does_not_migrate_what_another_bot_runs_on(
    url: str, tmp_path: Path, clock: VirtualClock
) -> None:
    running = ProcessLock.acquire(tmp_path / "replicord.db")
    assert "Another bot" in await refusal(url, clock, exclusive=False)
    running.release()
    await (await Store.open(url, clock=clock, exclusive=False)).close()
    await (await Store.open(url, clock=clock)).close()


async def test_a_refused_start_leaves_the_database_to_the_next(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "replicord.db").write_bytes(b"Dear diary" * 100)
    await refusal(url, clock)
    (tmp_path / "replicord.db").unlink()
    await (await Store.open(url, clock=clock)).close()


async def test_a_closed_store_says_so_and_may_be_closed_again(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.runs.get("run-1")
    with pytest.raises(StoreError, match="closed"):
        await store.runs.mark_sent("run-1", at=after(1), webhook=None)


async def test_closing_leaves_one_file_and_the_lock(url: str, tmp_path: Path, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    await store.runs.reserve(a_run(), ())
    await store.close()
    assert names(tmp_path) == ["replicord.db", "replicord.db.lock"]
