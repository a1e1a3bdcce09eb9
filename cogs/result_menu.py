"""⋯ under every finished result: a private menu. Each of its buttons belongs to the cog that listens to its action."""

from collections.abc import Sequence

import discord
import structlog
from discord.ext import commands

from bot.client import Replicord
from bot.errors import Refused
from bot.store.library import Library
from bot.store.models import Run
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer
from bot.ui.render.results import MenuEntry, Result, menu_card, not_ready, result_deleted
from bot.ui.render.strings import RUN_DELETED
from bot.ui.respond import respond_with_card
from bot.ui.result_messages import ResultMessages
from cogs.permissions import actor_of

Interaction = discord.Interaction[Replicord]

log = structlog.get_logger(__name__)


class ResultMenu(commands.Cog):
    """Opens the menu with the entries that the features hand in."""

    def __init__(self, *, runs: Runs, library: Library, messages: ResultMessages, entries: Sequence[MenuEntry]) -> None:
        self._runs = runs
        self._library = library
        self._messages = messages
        self._entries = tuple(entries)

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Open the menu, in private."""
        if action is not Action.MORE:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        if run.delivered_at is None:
            raise Refused(not_ready())
        if run.deleted_at is not None:
            raise Refused(result_deleted())
        await self._keep_token(interaction, run)
        outputs = [output for output in await self._runs.list_outputs(run.id) if output.removed_at is None]
        ids = {run.place.message_id, *run.messages.values()}
        reachable = frozenset(message_id for message_id in ids if self._messages.reaches(run, message_id))
        entry = await self._library.get_entry(run.id, interaction.user.id)
        is_favourite = entry is not None and entry.is_favourite
        result = Result(run=run, outputs=outputs, reachable=reachable, is_favourite=is_favourite)
        await respond_with_card(interaction, menu_card(result, self._entries, actor_of(interaction)))

    async def _keep_token(self, interaction: Interaction, run: Run) -> None:
        """Acknowledge the press as an update of its message where only its token reaches that."""
        if run.place.token_only and interaction.message is not None and interaction.message.id == run.place.message_id:
            await defer(interaction)
            self._messages.remember_press(interaction)
