"""Reactions under finished results: ❌ asks whether to delete it, 🙈 covers it, ✉️ sends it to one's DMs.

Each counts once, also after a restart: the row of a reaction is written before it is acted upon, and those that came
while the bot was away are looked for when a shard is ready. What was asked for and not finished is finished then, too,
and once a minute while Discord refuses it.
"""

import asyncio
import hashlib
from collections.abc import Coroutine
from typing import Any, Final

import discord
import structlog
from discord.ext import commands

from bot.actor import Actor
from bot.aio import cancel_and_wait
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.language import use_language
from bot.limits import (
    NONCE_CHARS,
    QUESTION_SECONDS,
    REACTIONS_LOOKED_BACK,
    RESULTS_LOOKED_AT,
    UNFINISHED_CHANGES_KEPT,
)
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.store.results import Results
from bot.store.runs import Runs
from bot.ui.direct_messages import DirectMessages
from bot.ui.discord_rate_limits import BucketKey, Priority, RateLimiter
from bot.ui.permissions import Reuse, may_manage_result, may_reuse
from bot.ui.render.results import confirm_card
from bot.ui.reply.extras import reactions_of_others
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.result_changes import ResultChanges
from bot.ui.result_messages import ResultMessages
from bot.visibility import Visibility
from cogs.results.cog import result_messages

DELETE: Final = "❌"
SPOILER: Final = "🙈"
SEND_DM: Final = "✉️"

_HANDLED: Final = {DELETE: DELETE, SPOILER: SPOILER, SEND_DM: SEND_DM, "✉": SEND_DM}
_RETRY_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class ResultReactions(commands.Cog):
    """Acts on reactions by the run's row, and finishes what a kill or an outage interrupted."""

    def __init__(
        self,
        client: Replicord,
        *,
        runs: Runs,
        results: Results,
        messages: ResultMessages,
        changes: ResultChanges,
        direct_messages: DirectMessages,
        limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self._client = client
        self._runs = runs
        self._results = results
        self._messages = messages
        self._changes = changes
        self._direct_messages = direct_messages
        self._limiter = limiter
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def cog_load(self) -> None:
        self._keep(self._finish_regularly(), name="unfinished changes of results")

    async def cog_unload(self) -> None:
        await cancel_and_wait(self._tasks)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Finish what was interrupted, and act on the reactions that came while no process listened to the shard."""
        await self.finish_changes()
        since = self._clock.now() - REACTIONS_LOOKED_BACK
        for run in await self._results.list_recent(since=since, limit=RESULTS_LOOKED_AT):
            if self._shard_of(run) != shard_id or shard_id not in self._client.shards:
                continue
            try:
                await self._act_on_missed(run)
            except (Refused, *REQUEST_ERRORS) as error:
                log.info("missed_reactions_not_read", run=run.id, error=str(error))

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Act on a reaction under a finished result, if its author may."""
        emoji = _HANDLED.get(str(event.emoji))
        if emoji is None or self._is_own(event.user_id):
            return
        run = await self._runs.find_by_message(event.message_id)
        if run is not None and run.delivered_at is not None and run.deleted_at is None:
            await self._act(run, self._actor_of(event), emoji)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Let the same reaction count again."""
        emoji = _HANDLED.get(str(event.emoji))
        if emoji is None or self._is_own(event.user_id):
            return
        run = await self._runs.find_by_message(event.message_id)
        if run is not None:
            await self._results.forget_reaction(run.id, event.user_id, emoji)

    async def _act_on_missed(self, run: Run) -> None:
        message = await self._messages.read(run, run.place.message_id, is_check=True)
        self._client.dispatch("result_read", run, message)  # for the reactions of other features
        for reaction in message.reactions:
            emoji = _HANDLED.get(str(reaction.emoji))
            if emoji is None or (emoji == DELETE and run.cancel_requested_at is not None):
                continue  # the ❌ that stopped the run is still there
            async for user in reactions_of_others(reaction):
                if not self._is_own(user.id):
                    await self._act(run, await self._find_actor(run, user), emoji)

    async def _act(self, run: Run, actor: Actor, emoji: str) -> None:
        may = may_reuse(run, Reuse.RESULT, user_id=actor.user_id) if emoji == SEND_DM else may_manage_result(actor, run)
        if not may or not await self._results.note_reaction(run.id, actor.user_id, emoji):
            return
        log.info("result_reaction", run=run.id, emoji=emoji)
        try:
            match emoji:
                case "❌":
                    await self._ask_to_delete(run, actor)
                case "🙈" if run.visibility is Visibility.PUBLIC:
                    await self._changes.cover(run, spoiler=True)
                case "✉️":
                    key = f"{run.id}:{actor.user_id}:{self._clock.now().isoformat()}"
                    await self._direct_messages.send_result(actor.user_id, run, result_messages(run), key=key)
                case _:
                    pass
        except Refused as error:  # there is no private way to say so
            log.info("result_reaction_refused", run=run.id, emoji=emoji, error=str(error))

    async def _ask_to_delete(self, run: Run, actor: Actor) -> None:
        """Ask under the card, for a while; only who may delete the result can press."""
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        reference = discord.MessageReference(
            message_id=run.place.message_id, channel_id=run.place.channel_id, guild_id=run.place.guild_id
        )
        key = f"{run.id}:{actor.user_id}:{self._clock.now().isoformat()}"
        nonce = hashlib.sha256(key.encode()).hexdigest()[:NONCE_CHARS]  # for discord.py's own repetitions
        with use_language(run.place.language):
            card = confirm_card(run.id, mention=actor.user_id)
        request = channel.send(
            view=card,
            reference=reference,
            mention_author=False,
            allowed_mentions=discord.AllowedMentions(users=[discord.Object(actor.user_id)]),
            nonce=nonce,
        )
        try:
            async with self._limiter.request(BucketKey(run.place.channel_id, bot=True), Priority.NORMAL):
                question = await send_request(request)
        except REQUEST_ERRORS as error:
            log.info("question_not_sent", run=run.id, error=str(error))
            return
        self._keep(self._withdraw(run, question.id), name=f"question under run {run.id}")

    async def _withdraw(self, run: Run, message_id: int) -> None:
        """Delete a question that nobody answered."""
        await self._clock.sleep(QUESTION_SECONDS)
        try:
            await self._messages.delete(run, message_id)
        except Refused as error:
            log.info("question_not_deleted", run=run.id, error=str(error))

    async def _finish_regularly(self) -> None:
        """Finish deletions and removals that were interrupted or refused, for as long as the bot runs."""
        while True:
            await self._clock.sleep(_RETRY_SECONDS)
            if self._client.is_ready():
                await self.finish_changes()

    async def finish_changes(self) -> None:
        """Do what is left of the changes that were asked for, in the servers of this process."""
        try:
            unfinished = await self._results.list_being_changed(since=self._clock.now() - UNFINISHED_CHANGES_KEPT)
        except StoreError as error:
            log.warning("unfinished_changes_not_read", error=str(error))
            return
        for run in unfinished:
            if run.place.token_only or self._shard_of(run) not in self._client.shards:
                continue  # only a press reaches it
            try:
                await self._changes.finish(run)
            except (Refused, StoreError) as error:
                log.info("change_not_finished", run=run.id, error=str(error))
            except Exception:
                log.exception("change_not_finished", run=run.id)

    def _actor_of(self, event: discord.RawReactionActionEvent) -> Actor:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        return _make_actor(event.member, event.user_id, guild, event.channel_id)

    async def _find_actor(self, run: Run, user: discord.abc.User) -> Actor:
        """Return the person behind a missed reaction; their rights only if they are not the author, who has all."""
        guild = self._client.get_guild(run.place.guild_id) if run.place.guild_id else None
        member: discord.Member | None = None
        if guild is not None and user.id != run.author_id:
            try:
                member = await send_request(guild.fetch_member(user.id))
            except discord.NotFound:
                member = None
        return _make_actor(member, user.id, guild, run.place.channel_id)

    def _is_own(self, user_id: int) -> bool:
        return self._client.user is not None and user_id == self._client.user.id

    def _shard_of(self, run: Run) -> int:
        return ((run.place.guild_id or 0) >> 22) % (self._client.shard_count or 1)

    def _keep(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _make_actor(member: discord.Member | None, user_id: int, guild: discord.Guild | None, channel_id: int) -> Actor:
    channel = guild.get_channel_or_thread(channel_id) if guild is not None else None
    permissions = channel.permissions_for(member).value if channel is not None and member is not None else 0
    return Actor(
        user_id=user_id,
        name=member.display_name if member is not None else "",
        guild_id=guild.id if guild is not None else None,
        channel_id=channel_id,
        parent_channel_id=channel.parent_id if isinstance(channel, discord.Thread) else None,
        roles=frozenset(role.id for role in member.roles) if member is not None else frozenset(),
        permissions=permissions,
        locale="",
    )
