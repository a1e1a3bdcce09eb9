"""The ❌ that people put under a run's message while nobody listened, read from the message."""

import asyncio

import discord
import structlog

from bot.store.run import Run
from bot.ui.gate import Gate
from bot.ui.pace import Urgency
from bot.ui.rights import may_stop
from bot.ui.roads import EMOJI
from bot.ui.troubles import FAILURES

log = structlog.get_logger(__name__)

_SECONDS = 15.0


class Crosses:
    """Looks under messages. A run that only its token reaches has no reactions, so there is nothing to look for."""

    def __init__(self, client: discord.Client, gate: Gate) -> None:
        self._client = client
        self._gate = gate

    async def asked(self, run: Run) -> str | None:
        """Return the name of somebody who may stop the run and crossed it; None when nobody did, or it is not told."""
        if run.place.token_only:
            return None
        try:
            # Whoever wants a run to stop waits for nobody's reaction to be put.
            async with self._gate.aside(urgency=Urgency.USUAL), asyncio.timeout(_SECONDS):
                return await self._crossed(run)
        except FAILURES as error:
            log.info("Nobody can tell whether a run was crossed.", run=run.id, reason=str(error))
            return None

    async def _crossed(self, run: Run) -> str | None:
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        message = await channel.fetch_message(run.place.message_id)
        for reaction in message.reactions:
            if str(reaction.emoji) == EMOJI and reaction.count > reaction.me:
                async for person in reaction.users(limit=None):
                    if await self._may(run, person):
                        return person.display_name
        return None

    async def _may(self, run: Run, person: discord.abc.User) -> bool:
        if self._client.user is not None and person.id == self._client.user.id:
            return False
        if may_stop(run, user_id=person.id, manages_messages=False):
            return True
        return may_stop(run, user_id=person.id, manages_messages=await self._manages(run, person.id))

    async def _manages(self, run: Run, user_id: int) -> bool:
        """Whether somebody manages messages there, as far as the server is known already."""
        guild = self._client.get_guild(run.place.guild_id) if run.place.guild_id else None
        channel = guild.get_channel_or_thread(run.place.channel_id) if guild else None
        if guild is None or channel is None:
            return False
        try:
            member = await guild.fetch_member(user_id)
        except discord.NotFound:
            return False
        return channel.permissions_for(member).manage_messages
