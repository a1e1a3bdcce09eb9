"""Stored data is deleted when its retention period is over, and not before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.maintenance import Maintenance, RetentionPeriods
from bot.outputs.spool import Spool
from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import create_database
from tests.store.samples import PNG, load_files, make_run, store_run_in_state

DAY = 86_400.0
KEEP = RetentionPeriods(prompts=timedelta(days=2), files=timedelta(days=1), runs=timedelta(days=3))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def database(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
async def store(database: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(database, clock=clock, durable=False)
    yield store
    await store.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_bytes=10_000_000)


@pytest.fixture
def maintenance(store: Store, spool: Spool, clock: VirtualClock) -> Maintenance:
    async def load_commands() -> bool:
        return True

    return Maintenance(runs=store.runs, spool=spool, keep=KEEP, load_commands=load_commands, clock=clock)


async def test_files_prompts_and_rows_are_deleted_when_due(
    store: Store, maintenance: Maintenance, clock: VirtualClock
) -> None:
    await store_run_in_state(store.runs, make_run(created_at=clock.now()), RunState.SUCCEEDED, delivered=True)
    await maintenance.delete_expired()
    assert await load_files(store.runs, "run-1") == (PNG,)
    await clock.advance(DAY + 60)
    await maintenance.delete_expired()
    run = await store.runs.get("run-1")
    assert await load_files(store.runs, "run-1") == ()
    assert run is not None
    assert run.prompt
    await clock.advance(DAY)
    await maintenance.delete_expired()
    run = await store.runs.get("run-1")
    assert run is not None
    assert run.prompt is None
    await clock.advance(DAY)
    await maintenance.delete_expired()
    assert await store.runs.get("run-1") is None


async def test_outputs_are_kept_until_their_run_is_delivered(
    store: Store, spool: Spool, maintenance: Maintenance
) -> None:
    await store_run_in_state(store.runs, make_run("waiting"), RunState.SUCCEEDED)
    await store_run_in_state(store.runs, make_run("delivered"), RunState.SUCCEEDED, delivered=True)
    for name in ("waiting", "delivered", "unknown"):
        folder = spool.folder(name)
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(PNG.data)
    await maintenance.delete_expired()
    assert set(spool.run_ids()) == {"waiting"}


async def test_retention_runs_at_start_and_every_hour(
    store: Store, maintenance: Maintenance, clock: VirtualClock
) -> None:
    running = asyncio.create_task(maintenance.run())
    await store_run_in_state(store.runs, make_run(created_at=clock.now()), RunState.SUCCEEDED, delivered=True)
    async with asyncio.timeout(20):
        while await load_files(store.runs, "run-1"):
            await clock.advance(3600)
    running.cancel()
    assert clock.monotonic() >= DAY


async def test_a_failing_task_is_reattempts_and_stops_no_other(store: Store, spool: Spool, clock: VirtualClock) -> None:
    attempts: list[float] = []

    async def fail_twice() -> bool:
        attempts.append(clock.monotonic())
        if len(attempts) < 3:
            raise RuntimeError("Discord refused the commands.")
        return True

    spool.folder("x").parent.write_bytes(b"no folder")
    running = asyncio.create_task(
        Maintenance(runs=store.runs, spool=spool, keep=KEEP, load_commands=fail_twice, clock=clock).run()
    )
    async with asyncio.timeout(20):
        while len(attempts) < 3:
            await clock.advance(10)
            assert not running.done()
    running.cancel()
