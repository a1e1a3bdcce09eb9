from collections.abc import AsyncIterator

import pytest

from tests.runs.environment import Environment


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
