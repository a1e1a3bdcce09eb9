from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import database_url
from tests.store.samples import T0

if TYPE_CHECKING:
    from tests.postgresql import PostgresqlServer


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
def url(tmp_path: Path, backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database."""
    if backend == "sqlite":
        yield database_url(tmp_path)
        return
    server = cast("PostgresqlServer", request.getfixturevalue("postgresql_server"))
    url = server.create_database(migrated=False)
    yield url
    server.drop_database(url)


@pytest.fixture
async def store(created_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    store = await Store.open(created_url, clock=clock, durable=False)
    yield store
    await store.close()


@pytest.fixture
def runs(store: Store) -> Runs:
    return store.runs
