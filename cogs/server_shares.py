"""Note which servers removed the bot: what was shared with them is kept for a while, for when it comes back."""

import discord
import structlog
from discord.ext import commands

from bot.client import Replicord
from bot.clock import Clock
from bot.discord_codes import NOT_A_MEMBER
from bot.store.creations import Shares
from bot.ui.requests import REQUEST_ERRORS
from cogs.presets.published import PublishedPresets

log = structlog.get_logger(__name__)


class ServerShares(commands.Cog):
    """Keeps the shares of each server as its membership is, also for what happened while the bot was away."""

    def __init__(self, client: Replicord, *, shares: Shares, published: PublishedPresets, clock: Clock) -> None:
        self._client = client
        self._shares = shares
        self._published = published
        self._clock = clock

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Begin the time for which the shares are kept; an outage of a server is another event."""
        await self._mark_left(guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Offer again what was shared before."""
        await self._mark_back(guild.id)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Notice what happened while no process listened to a shard."""
        for guild_id, left_at in (await self._shares.list_guilds()).items():
            if (guild_id >> 22) % (self._client.shard_count or 1) != shard_id:
                continue
            is_there = self._client.get_guild(guild_id) is not None  # also during an outage of the server
            if is_there and left_at is not None:
                await self._mark_back(guild_id)
            elif not is_there and left_at is None and await self._has_left(guild_id):
                await self._mark_left(guild_id)

    async def _mark_left(self, guild_id: int) -> None:
        guilds = await self._shares.list_guilds()
        if guild_id in guilds and guilds[guild_id] is None:
            log.info("shares_left_behind", guild=guild_id)
            await self._shares.mark_left([guild_id], at=self._clock.now())
            await self._published.update(guild_id)

    async def _mark_back(self, guild_id: int) -> None:
        if guild_id in await self._shares.list_guilds():
            await self._shares.mark_left([guild_id], at=None)
            await self._published.update(guild_id)

    async def _has_left(self, guild_id: int) -> bool:
        try:
            await self._client.fetch_guild(guild_id, with_counts=False)
        except (discord.Forbidden, discord.NotFound) as error:
            return error.code in NOT_A_MEMBER
        except REQUEST_ERRORS as error:
            log.info("membership_not_checked", guild=guild_id, error=str(error))
        return False
