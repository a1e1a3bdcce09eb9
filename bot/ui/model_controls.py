"""The buttons under cards about models. As those of runs, they know what they are for and work after a restart.

A press is dispatched as the event ``model_button`` (interaction, action, subject).
"""

import re
from enum import StrEnum
from typing import Any, Self

import discord
from discord import ui

from bot.catalog.command import Command

_VERSION_CHARS = 16
_NEWEST = "newest"


class ModelAction(StrEnum):
    """What a button asks for: a page of the list, or the switch of a command to a newer version."""

    PAGE = "page"
    SWITCH = "switch"


class ModelButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"models:(?P<action>{'|'.join(ModelAction)}):(?P<subject>.{{1,90}})"),
):
    """A button with a subject: the number of a page, or a command with the version that it shall have."""

    def __init__(
        self,
        action: ModelAction,
        subject: str,
        *,
        label: str = "",
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
    ) -> None:
        super().__init__(
            ui.Button(label=label or "…", style=style, disabled=disabled, custom_id=f"models:{action}:{subject}")
        )
        self.action = action
        self.subject = subject

    @classmethod
    def switch(cls, command: Command) -> Self:
        """Return the button that puts ``command`` in the place of the one of its name."""
        return cls(ModelAction.SWITCH, _subject(command), label="Switch", style=discord.ButtonStyle.primary)

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Read a button back from what Discord kept of it."""
        return cls(ModelAction(match["action"]), match["subject"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press to whoever listens for ``model_button``."""
        interaction.client.dispatch("model_button", interaction, self.action.value, self.subject)


def named(subject: str) -> str:
    """Return the name of the command that a switch is for."""
    return subject.partition(" ")[0]


def is_meant(command: Command, subject: str) -> bool:
    """Whether this is the command that the button offered."""
    return subject == _subject(command)


def _subject(command: Command) -> str:
    return f"{command.name} {(command.target.version or _NEWEST)[:_VERSION_CHARS]}"
