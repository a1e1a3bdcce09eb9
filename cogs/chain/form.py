"""The form that asks for the name of a chain."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import ui

from bot.client import Replicord
from bot.limits import COMMAND_NAME_CHARS, INTERACTION_TOKEN_LIFE
from bot.ui.render.chains import name_description, name_label, save_title
from bot.ui.respond import report_error

Submitted = Callable[[discord.Interaction[Replicord], str], Awaitable[None]]


class ChainForm(ui.Modal):
    """Asks for a name; ``submitted`` is awaited with the interaction and what was entered."""

    def __init__(self, submitted: Submitted) -> None:
        super().__init__(title=save_title(), timeout=INTERACTION_TOKEN_LIFE.total_seconds())
        self._submitted = submitted
        self._name: ui.TextInput[ChainForm] = ui.TextInput(custom_id="name", max_length=COMMAND_NAME_CHARS)
        self.add_item(ui.Label(text=name_label(), description=name_description(), component=self._name))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._name.value)

    async def on_error(  # type: ignore[override]  # discord.py's own Modal narrows it, too
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        await report_error(interaction, error)
