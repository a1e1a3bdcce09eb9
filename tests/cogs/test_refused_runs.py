"""What a process has in memory of refused runs: no longer than their rows, also where another process deletes these."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.aio import cancel_and_wait
from bot.errors import Refused
from bot.store.errors import StoreError
from bot.store.store import Store
from cogs.fix_it.kept_files import KeptFiles
from cogs.fix_it.refused_runs import RefusedRunKeeper
from tests.clock import VirtualClock
from tests.cogs.test_kept_files import given, keep
from tests.store.databases import create_database
from tests.store.samples import MIA, T0, make_refused

MINUTE = 60.0
REFUSED = replace(make_refused(), files=())


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def created(tmp_path: Path) -> str:
    return create_database(tmp_path)


@pytest.fixture
async def store(created: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(created, clock=clock, durable=False)
    yield store
    await store.close()


@pytest.fixture
def files(tmp_path: Path, clock: VirtualClock) -> KeptFiles:
    return KeptFiles(tmp_path / "kept", clock=clock)


@pytest.fixture
async def keeper(store: Store, files: KeptFiles, clock: VirtualClock) -> AsyncIterator[RefusedRunKeeper]:
    keeper = RefusedRunKeeper(rows=store.refused_runs, runs=store.runs, files=files, clock=clock)
    task = asyncio.create_task(keeper.run())
    await pass_minutes(clock, 0)
    yield keeper
    await cancel_and_wait([task])


async def pass_minutes(clock: VirtualClock, count: int) -> None:
    """Let the keeper look so many times; it sleeps in between, and the database and the disk take their time."""
    async with asyncio.timeout(30):
        for turn in range(count + 1):
            while not clock.sleepers:
                await asyncio.sleep(0.001)
            if turn < count:
                await clock.advance(MINUTE)


async def is_there(keeper: RefusedRunKeeper) -> bool:
    try:
        return await keeper.find(REFUSED.id, MIA) == REFUSED
    except Refused:
        return False


async def test_what_was_erased_elsewhere_is_forgotten_without_a_message(
    store: Store, keeper: RefusedRunKeeper, files: KeptFiles, clock: VirtualClock, tmp_path: Path
) -> None:
    await keeper.keep(REFUSED, {})
    assert await keep(files, given(tmp_path)) is not None
    await pass_minutes(clock, 3)
    assert await is_there(keeper)
    await store.runs.erase(MIA)
    await pass_minutes(clock, 1)
    assert list((tmp_path / "kept").rglob("0")), "somebody may be starting it"
    await pass_minutes(clock, 1)
    assert not list((tmp_path / "kept").rglob("0"))
    await store.close()  # memory is asked only while the database does not answer
    with pytest.raises(StoreError):
        await keeper.find(REFUSED.id, MIA)


async def test_what_comes_back_in_another_process_keeps_its_files(
    store: Store, keeper: RefusedRunKeeper, files: KeptFiles, clock: VirtualClock, tmp_path: Path
) -> None:
    await keeper.keep(REFUSED, {})
    assert await keep(files, given(tmp_path)) is not None
    assert await store.refused_runs.delete(REFUSED.id)
    await pass_minutes(clock, 1)
    await store.refused_runs.put(REFUSED)
    await pass_minutes(clock, 2)
    assert await is_there(keeper)
    assert list((tmp_path / "kept").rglob("0"))


async def test_a_message_of_an_erasure_forgets_at_once(
    store: Store, keeper: RefusedRunKeeper, files: KeptFiles, tmp_path: Path
) -> None:
    await keeper.keep(REFUSED, {})
    assert await keep(files, given(tmp_path)) is not None
    await keeper.forget_person(MIA)
    assert not list((tmp_path / "kept").rglob("0"))
    await store.close()
    with pytest.raises(StoreError):
        await keeper.find(REFUSED.id, MIA)
