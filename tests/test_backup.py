"""The backup command beside a running bot, and restoring its copy."""

import asyncio
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.clock import SystemClock
from bot.store.store import Store
from tests.store.samples import make_run


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/replicord.db"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    for token in ("DISCORD_TOKEN", "REPLICATE_API_TOKEN"):
        monkeypatch.delenv(token, raising=False)
    return url


def _restore(copy: Path, folder: Path) -> None:
    """Do what docs/operating.md says."""
    shutil.copy(copy, folder / "replicord.db")
    for name in ("replicord.db-wal", "replicord.db-shm"):
        (folder / name).unlink(missing_ok=True)


async def _back_up(path: Path) -> int:
    # The command starts its own event loop.
    return await asyncio.to_thread(main, ["backup", str(path)])


async def test_copy_of_a_running_bots_database_can_be_restored(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "backups" / "copy.db"
    running = await Store.open(url, clock=SystemClock())
    await running.runs.reserve(make_run("kept"), ())
    assert await _back_up(copy) == 0
    await running.runs.reserve(make_run("later"), ())
    await running.close()

    _restore(copy, tmp_path)
    restored = await Store.open(url, clock=SystemClock())
    assert [run.id for run in await restored.runs.list_undelivered()] == ["kept"]
    assert await restored.find_damage() is None
    await restored.close()


async def test_second_copy_replaces_the_first(url: str, tmp_path: Path) -> None:
    store = await Store.open(url, clock=SystemClock())
    for name in ("one", "two"):
        await store.runs.reserve(make_run(name), ())
        assert await _back_up(tmp_path / "copy.db") == 0
    await store.close()
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("select count(*) from runs").fetchone() == (2,)
    copy.close()


@pytest.mark.usefixtures("url")
async def test_backup_of_a_missing_database_creates_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _back_up(tmp_path / "copy.db") == 2
    assert "There is no database" in capsys.readouterr().err
    assert not (tmp_path / "replicord.db").exists()


@pytest.mark.parametrize("name", ["replicord.db", "replicord.db-wal", "replicord.db-shm", "link-to-the-database"])
async def test_the_database_itself_is_never_replaced(
    url: str, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    running = await Store.open(url, clock=SystemClock())
    await running.runs.reserve(make_run("kept"), ())
    (tmp_path / "link-to-the-database").symlink_to(tmp_path / "replicord.db")
    before = (tmp_path / "replicord.db").stat().st_ino
    assert await _back_up(tmp_path / name) == 2
    assert "Choose another file" in capsys.readouterr().err
    assert (tmp_path / "replicord.db").stat().st_ino == before
    assert [run.id for run in await running.runs.list_undelivered()] == ["kept"]
    await running.close()


async def test_only_regular_files_are_replaced(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = await Store.open(url, clock=SystemClock())
    await store.close()
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", tmp_path):
        assert await _back_up(target) == 2
        assert "Choose another file" in capsys.readouterr().err
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
