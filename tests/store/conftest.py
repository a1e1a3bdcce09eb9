from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import create_database, database_url
from tests.store.samples import T0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url(tmp_path)


@pytest.fixture
def created_url(tmp_path: Path) -> str:
    """The URL of a migrated database without rows."""
    return create_database(tmp_path)


@pytest.fixture
async def store(created_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(created_url, clock=clock, durable=False)
    yield store
    await store.close()


@pytest.fixture
def runs(store: Store) -> Runs:
    return store.runs
