from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.runs.environment import Environment


@pytest.fixture(autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Log without the default tracebacks that show local variables: they take a tenth of a second each."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def env(created_url: str) -> AsyncIterator[Environment]:
    environment = await Environment.open(created_url)
    yield environment
    await environment.close()


@pytest.fixture
async def webhook_env(created_url: str) -> AsyncIterator[Environment]:
    """An environment with webhooks."""
    environment = await Environment.open(created_url, webhook_base="https://bot.example/")
    yield environment
    await environment.close()
