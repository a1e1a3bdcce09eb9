"""Cancel a run: ❌ under its message, or its Cancel button."""

import discord
from discord.ext import commands

from bot.client import Replicord
from bot.errors import Refused
from bot.runs import Run
from bot.runs.engine import CancelResult, Engine
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer
from bot.ui.permissions import may_cancel
from bot.ui.render.markdown import escape
from bot.ui.render.strings import CANCEL_ANSWERS
from bot.ui.reply.extras import MissedCancelReactions
from bot.ui.reply.messages import CANCEL_EMOJI
from bot.ui.reply.task import ReplyRegistry
from bot.ui.respond import respond


class CancelRuns(commands.Cog):
    """Cancels runs by reaction and by button; who may do so is read from the run's row at that moment."""

    def __init__(
        self,
        client: Replicord,
        *,
        engine: Engine,
        runs: Runs,
        replies: ReplyRegistry,
        missed_reactions: MissedCancelReactions,
    ) -> None:
        self._client = client
        self._engine = engine
        self._runs = runs
        self._replies = replies
        self._missed_reactions = missed_reactions

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Handle reactions that were added while the bot was offline: Discord does not send them to a new session."""
        for run in await self._runs.list_undelivered():
            if run.cancel_requested_at is None and not run.state.terminal:
                by = await self._missed_reactions.find(run)
                if by is not None:
                    await self._engine.cancel(run.id, by=by)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Cancel the run when an allowed user reacts with ❌ to one of its messages."""
        if str(event.emoji) != CANCEL_EMOJI or (self._client.user and event.user_id == self._client.user.id):
            return
        run = await self._runs.find_by_message(event.message_id)
        if run is not None and may_cancel(run, user_id=event.user_id, manages_messages=self._manages_messages(event)):
            await self._engine.cancel(run.id, by=event.user_id)

    @commands.Cog.listener()
    async def on_run_button(self, interaction: discord.Interaction[Replicord], action: Action, run_id: str) -> None:
        """Cancel the run, or say in private why not."""
        if action is not Action.CANCEL:
            return
        run = await self._runs.get(run_id)
        manages = interaction.permissions.manage_messages
        if run is not None and not may_cancel(run, user_id=interaction.user.id, manages_messages=manages):
            raise Refused(f"Only {escape(run.author_name)} or someone who can manage messages here can stop this run.")
        result = await self._engine.cancel(run_id, by=interaction.user.id)
        if (
            run is not None
            and run.place.token_only
            and result is CancelResult.REQUESTED
            and _is_under(interaction, run)
        ):
            # Only a token reaches this message, so the card itself says "Stopping" with the token of this press. The
            # token of a press elsewhere, as in the list of runs, reaches only the message that was pressed.
            await defer(interaction)
            if self._replies.renew_token(run.id, interaction.token, interaction.expires_at):
                return
        await respond(interaction, CANCEL_ANSWERS[result])

    def _manages_messages(self, event: discord.RawReactionActionEvent) -> bool:
        guild = self._client.get_guild(event.guild_id) if event.guild_id else None
        channel = guild.get_channel_or_thread(event.channel_id) if guild else None
        if channel is None or event.member is None:
            return False
        return channel.permissions_for(event.member).manage_messages


def _is_under(interaction: discord.Interaction[Replicord], run: Run) -> bool:
    return interaction.message is not None and interaction.message.id == run.place.message_id
