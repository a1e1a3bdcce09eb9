"""The migrate-data command, between both kinds of database."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.clock import SystemClock
from bot.store.commands import CommandRow
from bot.store.leases import ProcessInfo
from bot.store.library import LibraryQuery
from bot.store.models import RunState
from bot.store.store import Store
from tests.postgresql import PostgresqlServer
from tests.store.databases import create_database, database_url
from tests.store.samples import MIA, PNG, T0, load_files, make_run, store_run_in_state


@pytest.fixture
def sqlite_url(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    url = postgresql_server.create_database(migrated=True)
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture
def urls(backend: str, sqlite_url: str, postgresql_url: str) -> tuple[str, str]:
    """A source of one kind and a target without rows of the other."""
    return (sqlite_url, postgresql_url) if backend == "sqlite" else (postgresql_url, sqlite_url)


@pytest.fixture
def new_target(backend: str, tmp_path: Path, postgresql_server: PostgresqlServer) -> Iterator[str]:
    """A target without tables, of the kind that the source is not."""
    if backend == "postgresql":
        yield database_url(tmp_path)
        return
    url = postgresql_server.create_database(migrated=False)
    yield url
    postgresql_server.drop_database(url)


async def _migrate(source: str, target: str) -> int:
    # The command starts its own event loop.
    return await asyncio.to_thread(main, ["migrate-data", source, target])


async def _fill(url: str, *, runs: int = 3) -> None:
    store = await Store.open(url, clock=SystemClock(), durable=False)
    rows = (store_run_in_state(store.runs, make_run(f"run-{number}"), RunState.RUNNING) for number in range(runs))
    await asyncio.gather(*rows)
    await store_run_in_state(store.runs, make_run("erased"), RunState.SUCCEEDED)
    await store.runs.mark_message_sent("run-0", 1, 71)
    await store.runs.mark_message_sending("run-1", 2)
    await store.runs.mark_delivered("erased", at=T0)
    await store.runs.erase(MIA)
    await store.commands.save(CommandRow(name="draw", target="owner/model:v", added_by=MIA, added_at=T0))
    await store.commands.cache_schema("owner/model", {"text": "a\\u0000b \N{GRINNING FACE}"})
    await store.key_value.put("commands", "hash")
    await store.close()


async def test_everything_is_copied(urls: tuple[str, str], new_target: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = urls[0], new_target
    await _fill(source, runs=250)
    assert await _migrate(source, target) == 0
    assert "runs: 250 rows\n" in capsys.readouterr().out
    old = await Store.open(source, clock=SystemClock())
    new = await Store.open(target, clock=SystemClock())
    assert await new.runs.list_undelivered() == await old.runs.list_undelivered()
    assert await load_files(new.runs, "run-0") == (PNG,)
    assert await new.runs.export(MIA) == await old.runs.export(MIA)
    assert await new.commands.list_all() == await old.commands.list_all()
    assert await new.commands.get_schema("owner/model") == await old.commands.get_schema("owner/model")
    assert await new.key_value.get("commands") == "hash"
    await old.close()
    await new.close()


async def test_copied_bot_continues(urls: tuple[str, str]) -> None:
    source, target = urls
    await _fill(source)
    assert await _migrate(source, target) == 0
    store = await Store.open(target, clock=SystemClock())
    assert await store.runs.mark_ended("run-0", state=RunState.FAILED, at=T0)
    assert await store.runs.mark_delivered("run-0", at=T0)  # erased by then, which adds a numbered row
    assert await store.runs.get("run-0") is None
    await store.close()


async def test_the_library_is_copied_and_goes_on(urls: tuple[str, str]) -> None:
    source, target = urls
    old = await Store.open(source, clock=SystemClock())
    for number in range(3):
        run = make_run(f"run-{number}", prompt=f"a walrus number {number}")
        await store_run_in_state(old.runs, run, RunState.SUCCEEDED, delivered=True)
    await old.library.save_thumbnail("run-1", b"a small picture")
    await old.library.set_favourite("run-1", MIA, on=True)
    await old.close()
    assert await _migrate(source, target) == 0
    store = await Store.open(target, clock=SystemClock())
    await store_run_in_state(store.runs, make_run("run-3", prompt="a fox"), RunState.SUCCEEDED, delivered=True)
    page = await store.library.list_page(LibraryQuery(user_id=MIA, words="walrus"))
    assert [entry.run_id for entry in page.entries] == ["run-2", "run-1", "run-0"]
    assert [(entry.is_favourite, entry.thumbnail) for entry in page.entries][1] == (True, b"a small picture")
    page = await store.library.list_page(LibraryQuery(user_id=MIA))
    assert [entry.number for entry in page.entries] == [4, 3, 2, 1]
    await store.close()


async def test_target_with_rows_is_refused(urls: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    source, target = urls
    await _fill(source)
    store = await Store.open(target, clock=SystemClock())
    await store.key_value.put("commands", "theirs")
    await store.close()
    assert await _migrate(source, target) == 2
    assert "The target is not empty: its table key_value has rows" in capsys.readouterr().err
    store = await Store.open(target, clock=SystemClock())
    assert await store.runs.list_undelivered() == ()
    assert await store.key_value.get("commands") == "theirs"
    await store.close()


async def test_database_in_use_is_refused(urls: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    source, target = urls
    await _fill(source)
    for used in urls:
        running = await Store.open(used, clock=SystemClock())
        if used.startswith("postgresql"):
            me = ProcessInfo(id="process", host="test", pid=1, version="1")
            await running.leases.beat(me, ttl=timedelta(hours=1))
        assert await _migrate(source, target) == 2
        assert "Another bot" in capsys.readouterr().err
        await running.leases.leave("process") if used.startswith("postgresql") else None
        await running.close()
    assert await _migrate(source, target) == 0


async def test_row_that_cannot_be_copied_leaves_no_rows(
    sqlite_url: str, database_folder: Path, postgresql_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = postgresql_url
    await _fill(sqlite_url)
    with closing(sqlite3.connect(database_folder / "replicord.db")) as shell:
        shell.execute("UPDATE runs SET message_id = 'not a number' WHERE id = 'run-2'")
        shell.commit()
    assert await _migrate(sqlite_url, target) == 2
    assert "the target is still empty" in capsys.readouterr().err
    store = await Store.open(target, clock=SystemClock())
    assert await store.runs.list_undelivered() == ()
    await store.close()


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        (("sqlite+aiosqlite:///nowhere.db", "sqlite+aiosqlite:///new.db"), "There is no database"),
        (("sqlite+aiosqlite:///same.db", "sqlite+aiosqlite:///same.db"), "are the same database"),
        (("sqlite+aiosqlite:///old.db", "mysql://host/new"), "only SQLite and PostgreSQL"),
    ],
)
@pytest.mark.usefixtures("in_tmp_path")
async def test_wrong_urls_are_explained(
    urls: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _migrate(*urls) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
