"""Logging in while Discord is away."""

import asyncio

import discord
import pytest

from bot.client import Replicord
from bot.discord_internals import set_api_urls
from sandbox.discord import DiscordStandIn
from sandbox.loopback import find_free_port
from tests.clock import VirtualClock, settle


async def nothing(_: Replicord) -> None:
    """Add no commands."""


async def test_login_is_retried_until_discord_answers() -> None:
    port, clock, standin = find_free_port(), VirtualClock(), DiscordStandIn()
    set_api_urls(f"http://127.0.0.1:{port}/api/v10", f"ws://127.0.0.1:{port}/gateway")
    client = Replicord(on_login=nothing, shards=1)
    logging_in = asyncio.create_task(client.log_in(standin.bot_token, clock=clock))
    async with asyncio.timeout(10):
        while not clock.sleepers:
            await settle()
    assert client.user is None
    await standin.start(port)
    try:
        async with asyncio.timeout(10):
            while not logging_in.done():
                await clock.advance(1)
        await logging_in
        assert client.user is not None
    finally:
        await client.close()
        await standin.stop()


async def test_a_rejected_token_is_not_retried() -> None:
    standin = DiscordStandIn()
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    client = Replicord(on_login=nothing, shards=1)
    try:
        with pytest.raises(discord.LoginFailure):
            await client.log_in("not-the-token", clock=VirtualClock())
    finally:
        await client.close()
        await standin.stop()
