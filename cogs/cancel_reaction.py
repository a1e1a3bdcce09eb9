"""Cancel a run: ❌ under its message, or the bot's removal from its server; its button is in ``cogs.run_buttons``."""

import discord
import structlog
from discord.ext import commands

from bot.client import Replicord
from bot.discord_codes import NOT_A_MEMBER
from bot.runs.engine import Engine
from bot.store.runs import Runs
from bot.ui.permissions import may_cancel
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.messages import CANCEL_EMOJI
from bot.ui.requests import REQUEST_ERRORS

log = structlog.get_logger(__name__)


class CancelRuns(commands.Cog):
    """Cancels runs by reaction; who may do so is read from the run's row at that moment.

    The runs in a server that the bot is removed from are canceled, too.
    """

    def __init__(
        self,
        client: Replicord,
        *,
        engine: Engine,
        runs: Runs,
        missed_reactions: MissedCancelReactions,
    ) -> None:
        self._client = client
        self._engine = engine
        self._runs = runs
        self._missed_reactions = missed_reactions

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Handle what happened while no process listened to a shard: Discord does not send it to a new session."""
        undelivered = [
            run
            for run in await self._runs.list_undelivered()
            if self._engine.owns(run) and self._shard_of(run.place.guild_id) == shard_id
        ]
        for guild_id in {run.place.guild_id for run in undelivered if run.place.guild_id is not None}:
            if await self._has_left(guild_id):
                await self._cancel_runs_in(guild_id)
        for run in undelivered:
            if run.cancel_requested_at is None and not run.state.terminal:
                by = await self._missed_reactions.find(run)
                if by is not None:
                    await self._engine.cancel(run.id, by=by)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Cancel the runs in a server that the bot was removed from; an outage of a server is another event."""
        await self._cancel_runs_in(guild.id)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Cancel the run when an allowed user reacts with ❌ to one of its messages."""
        if str(event.emoji) != CANCEL_EMOJI or (self._client.user and event.user_id == self._client.user.id):
            return
        run = await self._runs.find_by_message(event.message_id)
        if run is not None and may_cancel(run, user_id=event.user_id, manages_messages=self._manages_messages(event)):
            await self._engine.cancel(run.id, by=event.user_id)

    async def _cancel_runs_in(self, guild_id: int) -> None:
        for run in await self._runs.list_undelivered():
            # A person who installed the bot for themselves uses it in servers that the bot never was in.
            if run.place.guild_id == guild_id and not run.place.token_only and self._engine.owns(run):
                log.info("run_out_of_place", run=run.id)
                await self._engine.cancel_out_of_place(run.id)

    async def _has_left(self, guild_id: int) -> bool:
        """Return whether the bot is no longer in a server: a new session does not name it, and Discord confirms it."""
        client = self._client
        if client.get_guild(guild_id) is not None:  # also during an outage of the server
            return False
        if self._shard_of(guild_id) not in client.shards:
            return False  # another process has it by now
        try:
            await client.fetch_guild(guild_id, with_counts=False)
        except (discord.Forbidden, discord.NotFound) as error:
            return error.code in NOT_A_MEMBER
        except REQUEST_ERRORS as error:
            log.info("membership_not_checked", guild=guild_id, error=str(error))
        return False

    def _shard_of(self, guild_id: int | None) -> int:
        return ((guild_id or 0) >> 22) % (self._client.shard_count or 1)

    def _manages_messages(self, event: discord.RawReactionActionEvent) -> bool:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        channel = guild.get_channel_or_thread(event.channel_id) if guild else None
        if channel is None or event.member is None:
            return False
        return channel.permissions_for(event.member).manage_messages
