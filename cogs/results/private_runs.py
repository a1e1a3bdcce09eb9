"""Send it to my DMs, under a private run that takes long: another message shows it from then on.

The token of a private message expires after 15 minutes, and nobody but its author can bring a new one.
"""

import discord
from discord.ext import commands

from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.limits import DEFAULT_FILE_BYTES
from bot.runs.engine import Engine
from bot.store.models import Place, Run
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.direct_messages import DirectMessages
from bot.ui.first_response import defer, edit_response
from bot.ui.render import results as sentences
from bot.ui.render.cards import Tone, message_url, sentence_card
from bot.ui.render.markdown import format_name
from bot.ui.render.strings import NOTHING_NEWER, RUN_DELETED

Interaction = discord.Interaction[Replicord]


class PrivateRuns(commands.Cog):
    """Moves the reply of a private run to its author's direct messages."""

    def __init__(self, *, engine: Engine, runs: Runs, direct_messages: DirectMessages, clock: Clock) -> None:
        self._engine = engine
        self._runs = runs
        self._direct_messages = direct_messages
        self._clock = clock

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Move the run, once."""
        if action is not Action.MOVE_TO_DM:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        if interaction.user.id != run.author_id:
            raise Refused(sentences.only_author_moves(format_name(run.author_name)))
        if run.delivered_at is not None:
            raise Refused(NOTHING_NEWER)
        await defer(interaction)
        place = run.place if not run.place.token_only else await self._move(run)
        card = sentence_card(sentences.moved_to_dm(message_url(place)), tone=Tone.SUCCESS)
        await edit_response(interaction, view=card)

    async def _move(self, run: Run) -> Place:
        channel_id, message_id = await self._direct_messages.open_card(run.author_id, key=f"{run.id}:moved")
        place = Place(
            application_id=run.place.application_id,
            guild_id=None,
            channel_id=channel_id,
            message_id=message_id,
            token="",
            token_expires_at=self._clock.now(),
            token_only=False,
            file_limit=DEFAULT_FILE_BYTES,
            language=run.place.language,
        )
        if not await self._engine.move(run.id, place):
            raise Refused(sentences.not_movable())
        return place
