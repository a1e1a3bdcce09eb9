"""The whole bot as a process between both stand-ins, with its port open; each test attacks it and takes figures.

::

    async with open_bot(RUNS_PER_USER="10") as bot, measure(bot) as figures:
        ...  # the attack
    assert_bounded(figures)
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from sandbox.loopback import find_free_port
from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest

OpenBot = Callable[..., AbstractAsyncContextManager[BotUnderTest]]


@asynccontextmanager
async def _hostile_bot(folder: Path, **settings: str) -> AsyncIterator[BotUnderTest]:
    port = find_free_port()
    temporary = folder / "tmp"  # so that temporary files count as disk
    temporary.mkdir(exist_ok=True)
    given = {"HTTP_PORT": str(port), "WEBHOOK_URL": f"http://127.0.0.1:{port}", "TMPDIR": str(temporary)}
    async with running_bot(folder, given | settings) as bot:
        bot.port = port
        yield bot


@pytest.fixture
def open_bot(tmp_path: Path) -> OpenBot:
    """Start a bot with an open port, webhooks, and settings of the test's own."""

    def of(**settings: str) -> AbstractAsyncContextManager[BotUnderTest]:
        return _hostile_bot(tmp_path, **settings)

    return of
