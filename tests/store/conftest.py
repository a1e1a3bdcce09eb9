from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.sample import T0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/replicord.db"


@pytest.fixture
async def store(url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(url, clock=clock)
    yield store
    await store.close()


@pytest.fixture
def runs(store: Store) -> Runs:
    return store.runs
