from collections.abc import AsyncIterator

import pytest

from sandbox.discord import DiscordStandIn
from tests.sandbox.discord.raw import Raw, raw_client


@pytest.fixture
async def standin() -> AsyncIterator[DiscordStandIn]:
    standin = DiscordStandIn()
    await standin.start()
    yield standin
    await standin.stop()


@pytest.fixture
async def raw(standin: DiscordStandIn) -> AsyncIterator[Raw]:
    standin.buckets.enabled = False
    async with raw_client(standin) as client:
        yield client
