"""Shards that a process opens and closes while it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from bot.client import Replicord
from bot.discord_internals import DEFAULT_API, DEFAULT_GATEWAY, set_api_urls
from sandbox.discord import DiscordStandIn
from sandbox.discord.gateway import shard_of

COUNT = 4


class Pace:
    """Lets a bucket start a session when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.may_start = asyncio.Event()
        self.may_start.set()

    async def wait(self, bucket: int) -> None:
        self.waiting.append(bucket)
        try:
            await self.may_start.wait()
        finally:
            self.waiting.remove(bucket)


@pytest.fixture
async def standin() -> AsyncIterator[DiscordStandIn]:
    standin = DiscordStandIn()
    standin.gateway.identify_interval = 0.0
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    yield standin
    await standin.stop()
    set_api_urls(DEFAULT_API, DEFAULT_GATEWAY)


@asynccontextmanager
async def connected(standin: DiscordStandIn, pace: Pace) -> AsyncIterator[Replicord]:
    async def nothing(_: Replicord) -> None:
        pass

    client = Replicord(on_login=nothing, shards=COUNT, identify_pace=pace)
    await client.login(standin.bot_token)
    gateway = asyncio.create_task(client.run_gateway())
    try:
        yield client
    finally:
        await client.close()
        gateway.cancel()
        with suppress(asyncio.CancelledError):
            await gateway


def sessions(standin: DiscordStandIn) -> list[int]:
    return sorted(session.shard for session in standin.gateway.connected)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_shards_are_opened_and_closed_at_run_time(standin: DiscordStandIn) -> None:
    async with connected(standin, Pace()) as client:
        await until(client.is_ready)
        assert sessions(standin) == []
        client.open_shard(1)
        client.open_shard(3)
        assert not client.is_ready()
        await until(client.is_ready)
        assert sessions(standin) == [1, 3]
        client.close_shard(1)
        client.open_shard(2)
        await until(lambda: sessions(standin) == [2, 3])
        await until(client.is_ready)
        assert set(client.shards) == {2, 3}


async def test_closed_shard_takes_its_servers_along(standin: DiscordStandIn) -> None:
    guilds = {guild.id: shard_of(guild.id, COUNT) for guild in standin.state.guilds.values()}
    async with connected(standin, Pace()) as client:
        for shard in set(guilds.values()):
            client.open_shard(shard)
        await until(lambda: client.is_ready() and client.guilds)
        gone = shard_of(client.guilds[0].id, COUNT)
        client.close_shard(gone)
        assert all(shard_of(guild.id, COUNT) != gone for guild in client.guilds)
        client.open_shard(gone)
        await until(lambda: any(shard_of(guild.id, COUNT) == gone for guild in client.guilds))


async def test_shard_closed_while_it_waits_never_connects(standin: DiscordStandIn) -> None:
    pace = Pace()
    pace.may_start.clear()
    async with connected(standin, pace) as client:
        client.open_shard(1)
        await until(lambda: pace.waiting == [1 % 1])
        client.close_shard(1)
        await until(lambda: not pace.waiting)
        pace.may_start.set()
        client.open_shard(2)
        await until(client.is_ready)
        assert sessions(standin) == [2]
        assert [one.shard for one in standin.gateway.identifies] == [2]


async def test_refused_identify_waits_for_the_pace(standin: DiscordStandIn) -> None:
    standin.gateway.identify_interval = 3600.0
    pace = Pace()
    async with connected(standin, pace) as client:
        client.open_shard(0)
        await until(client.is_ready)
        client.open_shard(1)
        await until(lambda: len(standin.gateway.identifies) >= 2)
        assert standin.gateway.identifies[1].refused
        pace.may_start.clear()
        await until(lambda: pace.waiting == [0])
        standin.skip(3601)
        pace.may_start.set()
        await until(client.is_ready)
        assert sessions(standin) == [0, 1]


async def test_closed_shard_is_not_reconnected_by_what_was_queued(standin: DiscordStandIn) -> None:
    async with connected(standin, Pace()) as client:
        client.open_shard(0)
        client.open_shard(1)
        await until(client.is_ready)
        standin.faults.close_gateway()
        client.close_shard(1)
        await until(lambda: sessions(standin) == [0])
        client.open_shard(2)
        await until(lambda: sessions(standin) == [0, 2])
