"""A form that opens as soon as its model is known. Discord takes one only as the first answer, within 3 seconds."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import discord
from discord import ui

from bot.catalog.command import Command
from bot.client import Replicord, report_error
from bot.errors import UserError
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.ui.render.list_cards import Tone, list_card, sentence_card

# Discord waits 3 s; the ways there and back, and a busy moment here, take their part of it.
_PATIENCE = 1.5

Interaction = discord.Interaction[Replicord]
MakeModal = Callable[[Command], ui.Modal]


async def open_modal(interaction: Interaction, finding: Coroutine[Any, Any, Command], modal: MakeModal) -> None:
    """Open the form of the command that is being found; where that takes long, offer a button that opens it."""
    search = asyncio.create_task(finding, name=f"the form of interaction {interaction.id}")
    try:
        done, _ = await asyncio.wait({search}, timeout=_PATIENCE)
        if done:
            await interaction.response.send_modal(modal(search.result()))
        else:
            await _open_later(interaction, search, modal)
    finally:
        search.cancel()


async def _open_later(interaction: Interaction, search: asyncio.Task[Command], modal: MakeModal) -> None:
    waiting = "Replicate takes its time to tell what this model needs. A button will stand here."
    await interaction.response.send_message(view=sentence_card(waiting, tone=Tone.CALM), ephemeral=True)
    try:
        command = await search
    except UserError as error:
        await interaction.edit_original_response(view=sentence_card(error.sentence))
        return
    view = list_card(command.target.model, [], intro="It is ready.", buttons=[_OpenButton(command, modal)])
    view.timeout = INTERACTION_TOKEN_LIFE.total_seconds()
    await interaction.edit_original_response(view=view)


class _OpenButton(ui.Button[ui.LayoutView]):
    """Opens the form, as often as it is pressed."""

    def __init__(self, command: Command, modal: MakeModal) -> None:
        super().__init__(label="Open the form", style=discord.ButtonStyle.primary)
        self._command = command
        self._modal = modal

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        """Open it."""
        try:
            await interaction.response.send_modal(self._modal(self._command))
        except (UserError, discord.DiscordException) as error:
            await report_error(interaction, error)
