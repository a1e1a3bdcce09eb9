"""The buttons under a run. A button knows an action and a run's id; who may press it is the row's business.

A press is dispatched as the event ``run_button`` (interaction, action, run id) and works after every restart: Discord
keeps the custom id, and :data:`CONTROLS` is registered with ``client.add_dynamic_items``.
"""

import re
from enum import StrEnum
from typing import Any, Self

import discord
from discord import ui

from bot.ui import layout
from bot.ui.layout import Component

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
