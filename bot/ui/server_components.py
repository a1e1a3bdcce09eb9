"""The buttons and selects of the cards about a server's rules and about reports; they work after a restart."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, Self

import discord
from discord import ui

_REPORT_ID: Final = r"[0-9a-f]{8,32}"
_SECONDARY: Final = discord.ButtonStyle.secondary


class ServerAction(StrEnum):
    """What a button of the card does."""

    OVERVIEW = "overview"
    COMMANDS = "commands"  # with the number of the page
    LIMITS = "limits"
    RESULTS = "results"
    SAFETY = "safety"
    PEOPLE = "people"
    BLOCK = "block"
    LIFT = "lift"  # with a user id, or without to ask for one
    GALLERY = "gallery"
    LOG = "log"
    HISTORY = "history"


class ServerButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"server:(?P<action>{'|'.join(ServerAction)}):(?P<subject>\d{{0,20}})", re.ASCII),
):
    """A button of the card. Pressing it dispatches the event ``server_button`` to the cogs."""

    def __init__(
        self,
        action: ServerAction,
        subject: int | None = None,
        *,
        label: str = "…",
        style: discord.ButtonStyle = _SECONDARY,
        disabled: bool = False,
    ) -> None:
        custom_id = f"server:{action}:{'' if subject is None else subject}"
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id, disabled=disabled))
        self.action = action
        self.subject = subject

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ServerAction(match["action"]), int(match["subject"]) if match["subject"] else None)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("server_button", interaction, self.action, self.subject)


class CommandSelect(ui.DynamicItem[ui.Select[Any]], template=re.compile("server:command")):
    """Asks which command's rule to edit; dispatches ``server_command_chosen`` with its name."""

    def __init__(self, options: Sequence[discord.SelectOption] = (), *, placeholder: str | None = None) -> None:
        super().__init__(ui.Select(custom_id="server:command", placeholder=placeholder, options=list(options)))

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("server_command_chosen", interaction, self.item.values[0])


class LimitsRoleSelect(ui.DynamicItem[ui.RoleSelect[Any]], template=re.compile("server:role")):
    """Asks which role's limits to edit; dispatches ``server_role_chosen`` with its id."""

    def __init__(self, *, placeholder: str | None = None) -> None:
        super().__init__(ui.RoleSelect(custom_id="server:role", placeholder=placeholder))

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("server_role_chosen", interaction, self.item.values[0].id)


class ReportAction(StrEnum):
    """What a moderator does about a report."""

    REMOVE = "remove"
    BLOCK = "block"
    DISMISS = "dismiss"


class ReportButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"report:(?P<action>{'|'.join(ReportAction)}):(?P<report>{_REPORT_ID})", re.ASCII),
):
    """A button of a report's card. Pressing it dispatches the event ``report_button`` to the cogs."""

    def __init__(
        self, action: ReportAction, report_id: str, *, label: str = "…", style: discord.ButtonStyle = _SECONDARY
    ) -> None:
        super().__init__(ui.Button(label=label, style=style, custom_id=f"report:{action}:{report_id}"))
        self.action = action
        self.report_id = report_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ReportAction(match["action"]), match["report"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("report_button", interaction, self.action, self.report_id)


SERVER_COMPONENTS: Final = (ServerButton, CommandSelect, LimitsRoleSelect, ReportButton)
"""What has to be registered with the client."""
