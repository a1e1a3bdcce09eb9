"""A bot that is killed while it writes leaves a database with every committed change, and no part of another."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.processes import run_script
from tests.store.samples import PNG, load_files

pytestmark = sqlite_only


@pytest.mark.parametrize("lines", [1, 60, 301])
async def test_committed_changes_survive_a_kill(
    created_url: str, database_folder: Path, clock: VirtualClock, lines: int
) -> None:
    async with run_script("write_until_killed", created_url) as writer:
        assert writer.stdout is not None
        lines_read = [await writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        rest, _ = await writer.communicate()
    committed = [
        line.decode().split() for line in [*lines_read, *rest.splitlines(keepends=True)] if line.endswith(b"\n")
    ]

    store = await Store.open(created_url, clock=clock)
    assert await store.find_damage() is None
    for change, run_id in committed:
        run = await store.runs.get(run_id)
        assert run is not None
        assert change != "sent" or run.sent_at is not None
        assert change != "ended" or run.state.terminal
    undelivered = await store.runs.list_undelivered()
    delivered = await _delivered(database_folder)
    assert {run.id for run in undelivered} >= {run_id for _, run_id in committed} - delivered
    for run in undelivered:
        assert await load_files(store.runs, run.id) == (PNG, PNG)
    await store.close()


async def _delivered(folder: Path) -> set[str]:
    def read() -> set[str]:
        with closing(sqlite3.connect(folder / "replicord.db")) as connection:
            return {run_id for (run_id,) in connection.execute("SELECT id FROM runs WHERE delivered_at IS NOT NULL")}

    return await asyncio.to_thread(read)
