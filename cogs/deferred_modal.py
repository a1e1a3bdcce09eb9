"""Open a form as soon as its model is known; Discord accepts a modal only as the first response, within 3 seconds."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import discord
from discord import ui

from bot.catalog.catalog import Command
from bot.client import Replicord
from bot.errors import ReplicordError
from bot.language import _
from bot.limits import INTERACTION_TOKEN_LIFE
from bot.ui.first_response import edit_response, send_modal, send_privately
from bot.ui.render.cards import Card, Tone, list_card, sentence_card
from bot.ui.respond import explain_error, respond_with_card

# Discord waits 3 seconds; the rest is for the network and a busy event loop.
_PATIENCE: Final = 1.5
_LOADING: Final = _("Replicate is still loading this model's inputs. A button to open the form will appear here.")

Interaction = discord.Interaction[Replicord]
BuildModal = Callable[[Command], ui.Modal]


async def open_modal(
    interaction: Interaction, load_command: Coroutine[Any, Any, Command], build_modal: BuildModal
) -> None:
    """Open the form of a command that is being loaded; if that takes too long, show a button that opens it.

    So does a press that was acknowledged already: a form can only be the first response.
    """
    loading = asyncio.create_task(load_command, name=f"form of interaction {interaction.id}")
    try:
        done, _pending = await asyncio.wait({loading}, timeout=_PATIENCE)
        if interaction.response.is_done():
            await respond_with_card(interaction, _form_card(await loading, build_modal))
        elif done:
            await send_modal(interaction, build_modal(loading.result()))
        else:
            await _show_button(interaction, loading, build_modal)
    finally:
        loading.cancel()


async def _show_button(interaction: Interaction, loading: asyncio.Task[Command], build_modal: BuildModal) -> None:
    await send_privately(interaction, view=sentence_card(_LOADING, tone=Tone.NEUTRAL))
    try:
        command = await loading
    except ReplicordError as error:
        await edit_response(interaction, view=sentence_card(explain_error(interaction, error)))
        return
    await edit_response(interaction, view=_form_card(command, build_modal))


def _form_card(command: Command, build_modal: BuildModal) -> Card:
    return list_card(
        command.target.model,
        [],
        intro=_("The form is ready."),
        buttons=[_OpenButton(command, build_modal)],
        timeout=INTERACTION_TOKEN_LIFE.total_seconds(),
    )


class _OpenButton(ui.Button[ui.LayoutView]):
    """Opens the form, as often as it is pressed."""

    def __init__(self, command: Command, build_modal: BuildModal) -> None:
        super().__init__(label=_("Open the form"), style=discord.ButtonStyle.primary)
        self._command = command
        self._build_modal = build_modal

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await send_modal(interaction, self._build_modal(self._command))
