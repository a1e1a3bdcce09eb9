"""The buttons that turn the pages of a person's runs: their custom ids name a run, so they work after a restart."""

import re
from enum import StrEnum
from typing import Any, Self

import discord
from discord import ui

from bot.limits import RUN_ID_PATTERN


class RunListAction(StrEnum):
    """Which runs to show."""

    NEWER = "newer"  # than the run of the button
    OLDER = "older"


class RunListButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"runs:(?P<action>{'|'.join(RunListAction)}):(?P<run>{RUN_ID_PATTERN})", re.ASCII),
):
    """Turns the page. Pressing it dispatches the event ``run_list_button`` to the cogs."""

    def __init__(self, action: RunListAction, run_id: str, *, label: str = "…", disabled: bool = False) -> None:
        super().__init__(ui.Button(label=label, disabled=disabled, custom_id=f"runs:{action}:{run_id}"))
        self.action = action
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(RunListAction(match["action"]), match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("run_list_button", interaction, self.action, self.run_id)
