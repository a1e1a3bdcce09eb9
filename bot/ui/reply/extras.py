"""Beside the reply: the ❌ reaction, the completion notice, and cancel reactions missed while offline."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import discord
import structlog

from bot.runs.snapshot import MessageLedger, Phase, RunSnapshot
from bot.store.models import Run
from bot.ui.permissions import may_stop
from bot.ui.rate_limit import Priority, RateLimiter
from bot.ui.render import strings
from bot.ui.reply.errors import REQUEST_ERRORS, DiscordErrorKind, classify_error
from bot.ui.reply.messages import OutgoingMessage
from bot.ui.reply.transports import CANCEL_EMOJI, Transport, nonce_of
from bot.ui.reply.writer import ReplyWriter

log = structlog.get_logger(__name__)

# Edits notify nobody: who waited longer than this has looked away.
_LONG = timedelta(minutes=1)
_NOTICE = 0


class ReplyExtras:
    """The reaction and the notice of one run. Nothing here delays the card."""

    def __init__(self, run: Run, *, reply: ReplyWriter, gate: RateLimiter, ledger: MessageLedger) -> None:
        self._run = run
        self._reply = reply
        self._gate = gate
        self._ledger = ledger
        self._marking: asyncio.Task[None] | None = None
        self._asked = False

    def mark(self, remarked: Callable[[], None]) -> None:
        """Put the ❌ under the card, once, where the bot can; where it may not, ``remarked`` is called."""
        if self._marking is None and self._reply.roads.bot is not None and not self._reply.ephemeral:
            self._marking = asyncio.create_task(self._mark(remarked), name=f"the reaction under run {self._run.id}")

    async def unmark(self) -> None:
        """Take the bot's own ❌ away: there is nothing left to stop."""
        if self._marking is not None:
            if not self._asked:
                self._marking.cancel()
            await asyncio.wait({self._marking})
        road = self._reply.roads.bot
        if road is None or not self._reply.reacted:
            return
        try:
            async with self._gate.aside(road.reactions):
                await road.unreact()
        except REQUEST_ERRORS as error:
            log.info("The reaction stays.", run=self._run.id, reason=str(error))

    def leave(self) -> None:
        """Stop what is under way."""
        if self._marking is not None:
            self._marking.cancel()

    async def call_back(self, snapshot: RunSnapshot) -> bool:
        """Send the one message that mentions the author, if the run was long; False when it is to be tried again."""
        reply = self._reply
        if reply.noticed or not self._is_awaited(snapshot):
            return True
        try:
            await reply.recalled()
        except REQUEST_ERRORS:
            return False
        if reply.noticed:
            return True
        for road in (reply.roads.bot, reply.token_road()):
            if road is None:
                continue
            try:
                await self._send(road, snapshot)
            except REQUEST_ERRORS as error:
                if classify_error(error) is DiscordErrorKind.LATER:
                    return False
                log.info("The author is not called back this way.", run=self._run.id, reason=str(error))
            else:
                return True
        return True

    def _is_awaited(self, snapshot: RunSnapshot) -> bool:
        run, took = snapshot.run, strings.elapsed(snapshot.run)
        if self._run.place.token_only or self._reply.ephemeral or took is None or took <= _LONG:
            return False
        by = (run.cancel_requested_by or "").removeprefix("@")
        return snapshot.progress.phase is not Phase.CANCELED or by not in (run.author_name, str(run.author_id))

    async def _send(self, road: Transport, snapshot: RunSnapshot) -> None:
        package = OutgoingMessage(content=strings.notice(snapshot), mentions=(snapshot.run.author_id,))
        async with self._gate.aside(road.line, Priority.LAST):
            await self._ledger.mark_message_sending(snapshot.run.id, _NOTICE)
            sent = await road.send(package, nonce=nonce_of(snapshot.run.id, _NOTICE), ephemeral=False)
        self._reply.noticed = True
        await self._ledger.mark_message_sent(snapshot.run.id, _NOTICE, sent.message_id)

    async def _mark(self, remarked: Callable[[], None]) -> None:
        road = self._reply.roads.bot
        if road is None or self._reply.reacted:
            return
        try:
            async with self._gate.aside(road.reactions):
                self._asked = True
                await road.react()
        except REQUEST_ERRORS as error:
            if classify_error(error) is DiscordErrorKind.NO_ACCESS:
                self._reply.terms.remark(strings.NO_REACTION)
                remarked()
            log.info("There is no reaction to stop the run with.", run=self._run.id, reason=str(error))
        else:
            self._reply.reacted = True


_SECONDS = 15.0


class MissedCancelReactions:
    """Looks under messages. A run that only its token reaches has no reactions, so there is nothing to look for."""

    def __init__(self, client: discord.Client, gate: RateLimiter) -> None:
        self._client = client
        self._gate = gate

    async def asked(self, run: Run) -> str | None:
        """Return the name of somebody who may stop the run and crossed it; None when nobody did, or it is not told."""
        if run.place.token_only:
            return None
        try:
            # Whoever wants a run to stop waits for nobody's reaction to be put.
            async with self._gate.aside(urgency=Priority.USUAL), asyncio.timeout(_SECONDS):
                return await self._crossed(run)
        except REQUEST_ERRORS as error:
            log.info("Nobody can tell whether a run was crossed.", run=run.id, reason=str(error))
            return None

    async def _crossed(self, run: Run) -> str | None:
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        message = await channel.fetch_message(run.place.message_id)
        for reaction in message.reactions:
            if str(reaction.emoji) == CANCEL_EMOJI and reaction.count > reaction.me:
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
