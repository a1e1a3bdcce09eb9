"""A real discord.py client, connected to the stand-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from sandbox.discord import DiscordStandIn

INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True, guild_messages=True, dm_messages=True)


class Bot(discord.Client):
    """A client with a command tree; ``events`` are the received events, with discord.py's names."""

    def __init__(self, intents: discord.Intents = INTENTS, **options: Any) -> None:
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none(), **options)
        self.tree = app_commands.CommandTree(self)
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self.event_received = asyncio.Event()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.events.append((event, args))
        self.event_received.set()
        super().dispatch(event, *args, **kwargs)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify at once: the library's five seconds are for Discord's own limit."""

    async def wait_for_event(self, event: str, number: int = 1) -> tuple[Any, ...]:
        """Wait for the ``number``-th event of that name and return its arguments."""
        async with asyncio.timeout(10):
            while True:
                found = [args for name, args in self.events if name == event]
                if len(found) >= number:
                    return found[number - 1]
                self.event_received.clear()
                await self.event_received.wait()


def point_library_at(standin: DiscordStandIn) -> None:
    Route.BASE = standin.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(standin.gateway_url)


@asynccontextmanager
async def running_bot(bot: Bot, standin: DiscordStandIn) -> AsyncIterator[Bot]:
    """Log the bot in and keep it connected while the context is open."""
    point_library_at(standin)
    bot._connection.guild_ready_timeout = 0.01
    async with bot:
        await bot.login(standin.bot_token)
        task = asyncio.create_task(bot.connect())
        try:
            await bot.wait_for_event("ready")
            yield bot
        finally:
            await bot.close()
            await asyncio.gather(task, return_exceptions=True)
