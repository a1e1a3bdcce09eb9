"""Beside the messages of a reply: the bot's ❌ reaction, the completion notice, and ❌ added while it was offline."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import discord
import structlog

from bot.runs.snapshot import Phase, RunSnapshot
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.ui.discord_rate_limits import Priority, RateLimiter
from bot.ui.permissions import may_cancel
from bot.ui.render import status, strings
from bot.ui.render.run_card import without_reason
from bot.ui.reply.errors import DiscordErrorKind, classify_error
from bot.ui.reply.messages import CANCEL_EMOJI, OutgoingMessage
from bot.ui.reply.refusals import SEARCHED_KINDS
from bot.ui.reply.snapshot_writer import recover_followups
from bot.ui.reply.state import ReplyServices, ReplyState
from bot.ui.reply.transports import Transport, message_nonce
from bot.ui.requests import REQUEST_ERRORS, RequestNotSent, send_request

# Edits notify nobody. After a run of this length, its author no longer watches.
_NOTICE_AFTER = timedelta(minutes=1)
_NOTICE_NUMBER = 0

# The whole search under one message.
_SEARCH_SECONDS = 15.0

log = structlog.get_logger(__name__)


class ReplyExtras:
    """The ❌ reaction and the completion notice of one reply. A failure here never costs the card."""

    def __init__(self, state: ReplyState, services: ReplyServices) -> None:
        self._state = state
        self._services = services
        self._reaction: asyncio.Task[None] | None = None
        self._reaction_sent = False

    def add_reaction(self) -> None:
        """Add the ❌ under the card once, where the bot can; the request is made by a task."""
        state = self._state
        if self._reaction is None and state.transports.bot is not None and not state.ephemeral:
            self._reaction = asyncio.create_task(self._add_reaction(), name=f"reaction under run {state.run.id}")

    async def remove_reaction(self) -> None:
        """Remove the bot's own ❌: there is nothing to cancel any more."""
        if self._reaction is not None:
            if not self._reaction_sent:
                self._reaction.cancel()
            await asyncio.wait({self._reaction})
        bot = self._state.transports.bot
        if bot is None or not self._state.reacted:
            return
        try:
            async with self._services.limiter.request(bot.reaction_bucket):
                await bot.remove_reaction()
        except REQUEST_ERRORS as error:
            log.info("reaction_not_removed", run=self._state.run.id, error=str(error))
        except Exception:
            self._services.metrics.unexpected_error("ui")
            log.exception("reaction_not_removed", run=self._state.run.id)

    async def keep_reaction(self) -> None:
        """Return once the ❌ is there, if it is on its way: the next step of a chain can be canceled by it, too."""
        if self._reaction is not None:
            await asyncio.wait({self._reaction})

    def close(self) -> None:
        """Cancel a reaction that is not added yet."""
        if self._reaction is not None:
            self._reaction.cancel()

    async def notify_author(self) -> bool:
        """Send the message that mentions the author, if the run was long; return False if it should be tried again."""
        state, snapshot = self._state, self._state.newest
        if state.author_notified or not self._is_notice_due(snapshot):
            return True
        try:
            await recover_followups(state, self._services)
            return state.author_notified or await self._send_notice(snapshot)
        except (StoreError, *REQUEST_ERRORS):
            return False
        except Exception:
            self._services.metrics.unexpected_error("ui")
            log.exception("notice_not_sent", run=state.run.id)
            return True

    def _is_notice_due(self, snapshot: RunSnapshot) -> bool:
        run = snapshot.run
        if run.place.token_only or self._state.ephemeral or run.ended_at is None:
            return False
        if run.ended_at - run.asked_at <= _NOTICE_AFTER:
            return False
        return snapshot.progress.phase is not Phase.CANCELED or not _is_canceled_by_author(run)

    async def _send_notice(self, snapshot: RunSnapshot) -> bool:
        """Send the notice by the bot or the interaction; return False if it should be tried again."""
        transports, now = self._state.transports, self._services.clock.now()
        for transport in (transports.bot, transports.open_interaction(now)):
            if transport is None:
                continue
            # The reason of a failure is somebody else's text, and AutoMod may block it.
            for shown in (snapshot, without_reason(snapshot)):
                try:
                    await self._send_notice_by(transport, shown)
                except REQUEST_ERRORS as error:
                    kind = classify_error(error)
                    if kind is DiscordErrorKind.LATER:
                        return False
                    log.info("notice_refused", run=snapshot.run.id, error=str(error))
                    if kind not in SEARCHED_KINDS:
                        break
                else:
                    return True
        return True

    async def _send_notice_by(self, transport: Transport, snapshot: RunSnapshot) -> None:
        run, ledger = snapshot.run, self._services.ledger
        counts = status.count_outputs(snapshot, self._state.restrictions.options.withheld)
        sentence = status.format_completion_notice(snapshot, counts)
        outgoing = OutgoingMessage(content=sentence, mentions=(run.author_id,))
        async with self._services.limiter.request(transport.bucket, Priority.FINAL):
            if not await ledger.mark_message_sending(run.id, _NOTICE_NUMBER):
                raise RequestNotSent("The run is gone, or another process owns it.")
            sent = await transport.send(outgoing, nonce=message_nonce(run.id, _NOTICE_NUMBER), ephemeral=False)
        self._state.author_notified = True
        await ledger.mark_message_sent(run.id, _NOTICE_NUMBER, sent.message_id)

    async def _add_reaction(self) -> None:
        state = self._state
        bot = state.transports.bot
        if bot is None or state.reacted:
            return
        try:
            async with self._services.limiter.request(bot.reaction_bucket):
                self._reaction_sent = True
                await bot.add_reaction()
        except REQUEST_ERRORS as error:
            if classify_error(error) is DiscordErrorKind.NO_ACCESS:
                state.restrictions = state.restrictions.with_remark(strings.NO_REACTION)
                state.redraw()
            log.info("reaction_not_added", run=state.run.id, error=str(error))
        except Exception:
            self._services.metrics.unexpected_error("ui")
            log.exception("reaction_not_added", run=state.run.id)
        else:
            state.reacted = True


def _is_canceled_by_author(run: Run) -> bool:
    if run.canceled_by_id is not None:
        return run.canceled_by_id == run.author_id
    # A row of an earlier version holds a name, which may be digits: it is never an id.
    return (run.cancel_requested_by or "").removeprefix("@") == run.author_name


def _others_by_type(reaction: discord.Reaction) -> Iterator[tuple[discord.ReactionType, int]]:
    """Yield each type of a reaction that somebody else added, and its count; Discord lists each by itself.

    Where Discord does not count the types apart, ordinary reactions are looked for.
    """
    normal = reaction.normal_count if reaction.normal_count or reaction.burst_count else reaction.count
    if normal > reaction.me:
        yield discord.ReactionType.normal, normal
    if reaction.burst_count > reaction.me_burst:
        yield discord.ReactionType.burst, reaction.burst_count


async def reactions_of_others(reaction: discord.Reaction) -> AsyncIterator[discord.abc.User]:
    """Yield everybody else who added a reaction, of either type; some may be yielded who are the bot itself."""
    for type_, count in _others_by_type(reaction):
        async for user in reaction.users(limit=count, type=type_):
            yield user


class MissedCancelReactions:
    """Finds ❌ reactions that were added while the bot was offline."""

    def __init__(self, client: discord.Client, limiter: RateLimiter) -> None:
        self._client = client
        self._limiter = limiter

    async def find(self, run: Run) -> int | None:
        """Return the id of a user who added a ❌ and may cancel the run; None if there is none that can be read."""
        if run.place.token_only:  # the bot does not see the message, and nobody can react to it
            return None
        try:
            # Ahead of reactions that are to be added: somebody is waiting for the run to stop.
            async with self._limiter.request(priority=Priority.NORMAL):
                return await send_request(self._find(run), _SEARCH_SECONDS)
        except REQUEST_ERRORS as error:
            log.info("missed_cancel_not_read", run=run.id, error=str(error))
            return None

    async def _find(self, run: Run) -> int | None:
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        message = await channel.fetch_message(run.place.message_id)
        for reaction in message.reactions:
            if str(reaction.emoji) != CANCEL_EMOJI:
                continue
            async for user in reactions_of_others(reaction):
                if await self._may_cancel(run, user):
                    return user.id
        return None

    async def _may_cancel(self, run: Run, user: discord.abc.User) -> bool:
        if self._client.user is not None and user.id == self._client.user.id:
            return False
        if may_cancel(run, user_id=user.id, manages_messages=False):
            return True
        return may_cancel(run, user_id=user.id, manages_messages=await self._manages_messages(run, user.id))

    async def _manages_messages(self, run: Run, user_id: int) -> bool:
        """Whether a member manages messages in the channel, if the guild is in the cache."""
        guild = self._client.get_guild(run.place.guild_id) if run.place.guild_id else None
        channel = guild.get_channel_or_thread(run.place.channel_id) if guild else None
        if guild is None or channel is None:
            return False
        try:
            member = await guild.fetch_member(user_id)
        except discord.NotFound:
            return False
        return channel.permissions_for(member).manage_messages
