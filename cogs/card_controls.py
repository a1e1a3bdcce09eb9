"""Buttons and selects of private cards, which live as long as the token of the interaction that showed them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
from discord import ui

Interaction = discord.Interaction[Any]


class CardButton(ui.Button[Any]):
    """A button that calls a function with the interaction of the press."""

    def __init__(
        self,
        label: str,
        pressed: Callable[[Interaction], Awaitable[None]],
        *,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
    ) -> None:
        super().__init__(label=label, style=style, disabled=disabled)
        self._pressed = pressed

    async def callback(self, interaction: Interaction, /) -> None:
        await self._pressed(interaction)


class CardSelect(ui.Select[Any]):
    """A select of one option that calls a function with the interaction and the value that was chosen."""

    def __init__(
        self,
        placeholder: str,
        options: Sequence[discord.SelectOption],
        chosen: Callable[[Interaction, str], Awaitable[None]],
    ) -> None:
        super().__init__(placeholder=placeholder, options=list(options))
        self._chosen = chosen

    async def callback(self, interaction: Interaction, /) -> None:
        await self._chosen(interaction, self.values[0])
