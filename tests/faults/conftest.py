"""The whole bot as a process of its own between both stand-ins; each test breaks something."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.discord_spec import check_discord_calls
from tests.faults.environment import BotUnderTest
from tests.replicate_spec import check_replicate_calls

_ANSWERED = frozenset({200, 201, 204, 400, 401, 403, 404})
QUICK = Timings(boot=0.15, queue=0.05, image=0.2, tokens_per_second=400, finish=0.05)

OpenBot = Callable[..., AbstractAsyncContextManager[BotUnderTest]]


@asynccontextmanager
async def running_bot(
    folder: Path, settings: Mapping[str, str] | None = None, *, start: bool = True, timings: Timings = QUICK
) -> AsyncIterator[BotUnderTest]:
    """Start a bot; at the end, every request it made must match the official OpenAPI documents."""
    async with open_environment(folder, timings=timings, settings=settings) as environment:
        if start:
            await environment.start_bot()
        bot = BotUnderTest(environment, folder)
        try:
            yield bot
        finally:
            bot.reader.close()
        environment.discord.faults.clear()
        environment.replicate.faults.clear()
        # What a fault struck down was not read; what was answered must have been right.
        check_discord_calls(call for call in environment.discord.calls if call.status in _ANSWERED)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotUnderTest]:
    """A bot for this test alone."""
    async with running_bot(tmp_path) as bot:
        yield bot


@pytest.fixture
def open_bot(tmp_path: Path) -> OpenBot:
    """Start a bot with settings of the test's own."""

    def of(**settings: str) -> AbstractAsyncContextManager[BotUnderTest]:
        return running_bot(tmp_path, settings)

    return of


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _shared_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BotUnderTest]:
    async with running_bot(tmp_path_factory.mktemp("shared")) as bot:
        yield bot


@pytest_asyncio.fixture(loop_scope="session")
async def shared_bot(_shared_bot: BotUnderTest) -> AsyncIterator[BotUnderTest]:
    """The bot that all tests of a worker share, except those that kill it; no fault is on."""
    yield _shared_bot
    _shared_bot.clear()
