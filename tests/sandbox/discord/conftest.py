from collections.abc import AsyncIterator

import pytest

from sandbox.discord import DiscordStandIn
from tests.sandbox.discord.http_client import HttpClient, http_client


@pytest.fixture
async def standin() -> AsyncIterator[DiscordStandIn]:
    standin = DiscordStandIn()
    standin.gateway.identify_interval = 0.0  # clients start at once, one after another
    await standin.start()
    yield standin
    await standin.stop()


@pytest.fixture
async def http(standin: DiscordStandIn) -> AsyncIterator[HttpClient]:
    """A client of the stand-in, without rate limits."""
    standin.rate_limits.enabled = False
    async with http_client(standin) as client:
        yield client
