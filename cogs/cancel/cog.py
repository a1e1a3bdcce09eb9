"""Stopping a run: ❌ under its message, or the Cancel button."""

import discord
from discord.ext import commands

from bot.client import Replicord
from bot.runs import Run
from bot.runs.engine import CancelResult, Engine
from bot.ui.components import Action
from bot.ui.permissions import may_stop
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.messages import CANCEL_EMOJI
from bot.ui.respond import respond
from cogs.cancel.answers import CANCEL_ANSWERS
from cogs.protocols import Book, FreshToken

_REQUESTED = CancelResult.REQUESTED


class CancelRuns(commands.Cog):
    """Both roads end in ``engine.cancel``; who may take them is read from the run's row at that moment.

    A ❌ that came while nobody listened (the bot was down, or its session was lost) is read from the message.
    """

    def __init__(
        self, client: Replicord, *, engine: Engine, book: Book, crosses: MissedCancelReactions, fresh_token: FreshToken
    ) -> None:
        self._client = client
        self._engine = engine
        self._book = book
        self._crosses = crosses
        self._fresh_token = fresh_token

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Catch up on what was missed: Discord tells a new session nothing of what was before it."""
        for run in await self._book.list_undelivered():
            if run.cancel_requested_at is None and not run.state.terminal:
                by = await self._crosses.find(run)
                if by is not None:
                    await self._engine.cancel(run.id, by=by)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Stop the run under whose message somebody who may put a ❌."""
        if str(event.emoji) != CANCEL_EMOJI or (self._client.user and event.user_id == self._client.user.id):
            return
        run = await self._book.find_by_message(event.message_id)
        if run is not None and may_stop(run, user_id=event.user_id, manages_messages=self._manages(event)):
            await self._engine.cancel(run.id, by=_name(event, run))

    @commands.Cog.listener()
    async def on_run_button(self, interaction: discord.Interaction[Replicord], action: str, run_id: str) -> None:
        """Stop the run whose Cancel button was pressed, or say privately why not."""
        if action != Action.CANCEL:
            return
        run = await self._book.get(run_id)
        manages = interaction.permissions.manage_messages
        if run is not None and not may_stop(run, user_id=interaction.user.id, manages_messages=manages):
            await respond(
                interaction, f"Only {run.author_name} or someone who manages messages here can stop this run."
            )
            return
        answer = await self._engine.cancel(run_id, by=interaction.user.display_name)
        if run is not None and run.place.token_only and _is_under(interaction, run) and answer is _REQUESTED:
            # Only a token reaches this message: with the press's own one the card itself can say that it stops.
            # The token of a press elsewhere, as in a list, reaches only what it was pressed under.
            await interaction.response.defer()
            if self._fresh_token(run.id, interaction.token, interaction.expires_at):
                return
        await respond(interaction, CANCEL_ANSWERS[answer])

    def _manages(self, event: discord.RawReactionActionEvent) -> bool:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        channel = guild.get_channel_or_thread(event.channel_id) if guild else None
        if channel is None or event.member is None:
            return False
        return channel.permissions_for(event.member).manage_messages


def _is_under(interaction: discord.Interaction[Replicord], run: Run) -> bool:
    return interaction.message is not None and interaction.message.id == run.place.message_id


def _name(event: discord.RawReactionActionEvent, run: Run) -> str:
    return event.member.display_name if event.member else run.author_name
