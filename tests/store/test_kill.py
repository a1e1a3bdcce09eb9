"""A bot that is killed while it writes leaves a database that holds all it was promised, and nothing by halves."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.processes import python
from tests.store.sample import PNG


@pytest.mark.parametrize("lines", [1, 60, 301])
async def test_what_was_promised_before_the_kill_is_there_after_it(
    url: str, tmp_path: Path, clock: VirtualClock, lines: int
) -> None:
    async with python("victim", url) as victim:
        assert victim.stdout is not None
        said = [await victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        rest, _ = await victim.communicate()
    promised = [line.decode().split() for line in [*said, *rest.splitlines(keepends=True)] if line.endswith(b"\n")]

    store = await Store.open(url, clock=clock)
    assert await store.find_damage() is None
    for promise, run_id in promised:
        run = await store.runs.get(run_id)
        assert run is not None
        assert promise != "sent" or run.sent_at is not None
        assert promise != "ended" or run.state.terminal
    undelivered = await store.runs.list_undelivered()
    assert {run.id for run in undelivered} >= {run_id for promise, run_id in promised} - await _delivered(tmp_path)
    for run in undelivered:
        assert await store.runs.load_files(run.id) == (PNG, PNG)
    await store.close()


async def _delivered(folder: Path) -> set[str]:
    def read() -> set[str]:
        with closing(sqlite3.connect(folder / "replicord.db")) as shell:
            return {run_id for (run_id,) in shell.execute("SELECT id FROM runs WHERE delivered_at IS NOT NULL")}

    return await asyncio.to_thread(read)
