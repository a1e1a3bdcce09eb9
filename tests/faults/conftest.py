"""The whole bot as a process of its own between both stand-ins; each test breaks something."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.discord_spec import check_discord_calls
from tests.faults.environment import Stage
from tests.replicate_spec import check_replicate_calls

_ANSWERED = frozenset({200, 201, 204, 400, 401, 403, 404})
QUICK = Timings(boot=0.15, queue=0.05, image=0.2, tokens_per_second=400, finish=0.05)

Open = Callable[..., AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def opened(folder: Path, *, start: bool = True, pace: Timings = QUICK, **settings: str) -> AsyncIterator[Stage]:
    """A environment with the bot started; at the end every request must have been one that the two services know."""
    async with Environment(folder, timings=pace, settings=settings) as environment:
        if start:
            await environment.start_bot()
        yield Stage(environment, folder)
        environment.discord.faults.clear()
        environment.replicate.faults.clear()
        # What a fault struck down was not read; what was answered must have been right.
        check_discord_calls(call for call in environment.discord.calls if call.status in _ANSWERED)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A bot of the test's own."""
    async with opened(tmp_path) as stage:
        yield stage


@pytest.fixture
def house_of(tmp_path: Path) -> Open:
    """Open a environment with settings of the test's own."""

    def of(**settings: str) -> AbstractAsyncContextManager[Stage]:
        return opened(tmp_path, **settings)

    return of


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with opened(tmp_path_factory.mktemp("shared")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def shared(_shared: Stage) -> AsyncIterator[Stage]:
    """The bot that all tests share which do not kill it, with nothing broken yet."""
    yield _shared
    _shared.clear()
