"""Whether what is kept goes when its time is over, and not before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.maintenance import Maintenance, RetentionPeriods
from bot.outputs.materialize import Spool
from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.sample import PNG, a_run, run_up_to

DAY = 86_400.0
KEEP = RetentionPeriods(prompts=timedelta(days=2), files=timedelta(days=1), runs=timedelta(days=3))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/replicord.db", clock=clock)
    yield store
    await store.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def chores(store: Store, spool: Spool, clock: VirtualClock) -> Maintenance:
    async def all_there() -> bool:
        return True

    return Maintenance(runs=store.runs, spool=spool, keep=KEEP, load_commands=all_there, clock=clock)


async def test_files_prompts_and_rows_go_at_their_own_times(
    store: Store, chores: Maintenance, clock: VirtualClock
) -> None:
    await run_up_to(store.runs, a_run(created_at=clock.now()), RunState.SUCCEEDED, delivered=True)
    await chores.forget()
    assert await store.runs.load_files("run-1") == (PNG,)
    await clock.advance(DAY + 60)
    await chores.forget()
    run = await store.runs.get("run-1")
    assert await store.runs.load_files("run-1") == ()
    assert run is not None
    assert run.prompt
    await clock.advance(DAY)
    await chores.forget()
    run = await store.runs.get("run-1")
    assert run is not None
    assert run.prompt is None
    await clock.advance(DAY)
    await chores.forget()
    assert await store.runs.get("run-1") is None


async def test_outputs_on_their_way_stay_until_they_are_delivered(
    store: Store, spool: Spool, chores: Maintenance
) -> None:
    await run_up_to(store.runs, a_run("waiting"), RunState.SUCCEEDED)
    await run_up_to(store.runs, a_run("delivered"), RunState.SUCCEEDED, delivered=True)
    for name in ("waiting", "delivered", "of-nobody"):
        folder = spool.folder(name)
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(PNG.data)
    await chores.forget()
    assert set(spool.run_ids()) == {"waiting"}


async def test_it_is_done_at_the_start_and_every_hour(store: Store, chores: Maintenance, clock: VirtualClock) -> None:
    going = asyncio.create_task(chores.go_on())
    await run_up_to(store.runs, a_run(created_at=clock.now()), RunState.SUCCEEDED, delivered=True)
    async with asyncio.timeout(20):
        while await store.runs.load_files("run-1"):
            await clock.advance(3600)
    going.cancel()
    assert clock.monotonic() >= DAY


async def test_a_chore_that_breaks_is_done_again_and_takes_nothing_with_it(
    store: Store, spool: Spool, clock: VirtualClock
) -> None:
    tried: list[float] = []

    async def not_yet() -> bool:
        tried.append(clock.monotonic())
        if len(tried) < 3:
            raise RuntimeError("Discord did not take the commands.")
        return True

    spool.folder("x").parent.write_bytes(b"no folder")
    going = asyncio.create_task(
        Maintenance(runs=store.runs, spool=spool, keep=KEEP, load_commands=not_yet, clock=clock).go_on()
    )
    async with asyncio.timeout(20):
        while len(tried) < 3:
            await clock.advance(10)
            assert not going.done()
    going.cancel()
