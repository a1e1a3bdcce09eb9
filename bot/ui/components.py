"""Persistent buttons: they carry an action and an id, and work after a restart."""

import re
from enum import StrEnum
from typing import Any, Self

import discord
from discord import ui

from bot.catalog.command import Command
from bot.ui.render import layout
from bot.ui.render.layout import Component

_RUN_ID = r"[0-9A-Za-z_-]{1,64}"


class Action(StrEnum):
    """What a button asks for."""

    CANCEL = "cancel"
    AGAIN = "again"
    EDIT = "edit"
    DETAILS = "details"
    REFRESH = "refresh"


_LOOKS: dict[Action, tuple[str, discord.ButtonStyle]] = {
    Action.CANCEL: ("Cancel", discord.ButtonStyle.secondary),
    Action.AGAIN: ("Again", discord.ButtonStyle.primary),
    Action.EDIT: ("Edit", discord.ButtonStyle.secondary),
    Action.DETAILS: ("Details", discord.ButtonStyle.secondary),
    Action.REFRESH: ("Show the result", discord.ButtonStyle.primary),
}

_TEMPLATE = re.compile(rf"run:(?P<action>{'|'.join(Action)}):(?P<run>{_RUN_ID})", re.ASCII)


class RunButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """A button of one run."""

    def __init__(self, action: Action, run_id: str, *, disabled: bool = False) -> None:
        label, style = _LOOKS[action]
        super().__init__(
            ui.Button(label=label, style=style, disabled=disabled, custom_id=f"run:{action}:{run_id}"),
        )
        self.action = action
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction[Any],
        _item: ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Read a button back from what Discord kept of it."""
        return cls(Action(match["action"]), match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press to whoever listens for ``run_button``."""
        interaction.client.dispatch("run_button", interaction, self.action.value, self.run_id)


def row(run_id: str, *actions: Action, disabled: frozenset[Action] = frozenset()) -> Component:
    """Return one row of a run's buttons, in the order given."""
    return layout.row(_button(run_id, action, disabled=action in disabled) for action in actions)


def _button(run_id: str, action: Action, *, disabled: bool) -> Component:
    label, style = _LOOKS[action]
    return {
        "type": discord.ComponentType.button.value,
        "style": style.value,
        "label": label,
        "custom_id": f"run:{action.value}:{run_id}",
        "disabled": disabled,
    }


CONTROLS = (RunButton,)


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
