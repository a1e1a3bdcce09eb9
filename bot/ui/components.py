"""Persistent buttons and selects: their custom id carries an action and its subject, so they work after a restart."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

import discord
from discord import ui

from bot.catalog.catalog import Command
from bot.catalog.next_actions import NextOffer, first_offers
from bot.language import _
from bot.limits import RUN_ID_PATTERN
from bot.ui.render import payloads
from bot.ui.render.next import NEXT_MORE, format_offer, more_label, next_placeholder
from bot.ui.render.payloads import Component
from bot.ui.render.privacy import erasure_label

_VERSION_CHARS: Final = 16
_NEWEST: Final = "newest"
_SUBJECT_CHARS: Final = 85  # of Discord's 100 for a custom id


class Action(StrEnum):
    """What a button under a run does."""

    CANCEL = "cancel"
    AGAIN = "again"
    EDIT = "edit"
    DETAILS = "details"
    REFRESH = "refresh"
    MORE = "more"
    SEND_DM = "dm"
    SPOILER = "spoiler"
    UNSPOILER = "unspoiler"
    REMOVE = "remove"
    DELETE = "delete"
    CONFIRM_DELETE = "delete_now"
    KEEP = "keep"
    MOVE_TO_DM = "to_dm"
    FAVOURITE = "favourite"
    SAVE_CHARACTER = "character"
    SAVE_PRESET = "preset"
    SAVE_CHAIN = "chain"
    TRY_ON = "try"


# The labels are functions: a sentence is for the person who sees it.
_STYLES: Final[Mapping[Action, tuple[Callable[[], str], discord.ButtonStyle]]] = {
    Action.CANCEL: (lambda: _("Cancel"), discord.ButtonStyle.secondary),
    Action.AGAIN: (lambda: _("Again"), discord.ButtonStyle.primary),
    Action.EDIT: (lambda: _("Edit"), discord.ButtonStyle.secondary),
    Action.DETAILS: (lambda: _("Details"), discord.ButtonStyle.secondary),
    Action.REFRESH: (lambda: _("Show the result"), discord.ButtonStyle.primary),
    Action.MORE: (lambda: "⋯", discord.ButtonStyle.secondary),
    Action.SEND_DM: (lambda: _("Send to my DMs"), discord.ButtonStyle.secondary),
    Action.SPOILER: (lambda: _("Cover with a spoiler"), discord.ButtonStyle.secondary),
    Action.UNSPOILER: (lambda: _("Remove the spoiler"), discord.ButtonStyle.secondary),
    Action.REMOVE: (lambda: _("Remove a file…"), discord.ButtonStyle.secondary),
    Action.DELETE: (lambda: _("Delete…"), discord.ButtonStyle.danger),
    Action.CONFIRM_DELETE: (lambda: _("Delete"), discord.ButtonStyle.danger),
    Action.MOVE_TO_DM: (lambda: _("Send it to my DMs"), discord.ButtonStyle.secondary),
    Action.KEEP: (lambda: _("Keep"), discord.ButtonStyle.secondary),
    Action.FAVOURITE: (lambda: _("⭐ Favourite"), discord.ButtonStyle.secondary),
    Action.SAVE_CHARACTER: (lambda: _("Save as character"), discord.ButtonStyle.secondary),
    Action.SAVE_PRESET: (lambda: _("Save as preset"), discord.ButtonStyle.secondary),
    Action.SAVE_CHAIN: (lambda: _("Save as chain"), discord.ButtonStyle.secondary),
    Action.TRY_ON: (lambda: _("Try it on me"), discord.ButtonStyle.secondary),
}


class RunButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"run:(?P<action>{'|'.join(Action)}):(?P<run>{RUN_ID_PATTERN})", re.ASCII),
):
    """A button of one run. Pressing it dispatches the event ``run_button`` to the cogs."""

    def __init__(self, action: Action, run_id: str, *, label: str | None = None) -> None:
        """``label`` is for a button that says more than what its action does in general."""
        general, style = _STYLES[action]
        super().__init__(ui.Button(label=label or general(), style=style, custom_id=f"run:{action}:{run_id}"))
        self.action = action
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Action(match["action"]), match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("run_button", interaction, self.action, self.run_id)


def run_button_row(
    run_id: str, *actions: Action, disabled: frozenset[Action] = frozenset(), primary: Action | None = None
) -> Component:
    """Return a row of a run's buttons as a payload, in the order given; ``primary`` stands out instead of Again."""
    buttons: list[Component] = []
    for action in actions:
        label, style = _STYLES[action]
        if primary is not None and (action is primary or style is discord.ButtonStyle.primary):
            style = discord.ButtonStyle.primary if action is primary else discord.ButtonStyle.secondary
        buttons.append(
            {
                "type": discord.ComponentType.button.value,
                "style": style.value,
                "label": label(),
                "custom_id": f"run:{action.value}:{run_id}",
                "disabled": action in disabled,
            }
        )
    return payloads.row(buttons)


class ModelAction(StrEnum):
    """What a button under a list of models or an update does."""

    PAGE = "page"
    SWITCH = "switch"
    TRY = "try"  # "owner/name" or a command's name
    ADD = "add"  # "owner/name"


class ModelButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"models:(?P<action>{'|'.join(ModelAction)}):(?P<subject>.{{1,90}})"),
):
    """A button with a subject: a page number, or a command and the version to switch it to.

    Pressing it dispatches the event ``model_button`` to the cogs.
    """

    def __init__(
        self,
        action: ModelAction,
        subject: str,
        *,
        label: str = "…",
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
    ) -> None:
        super().__init__(ui.Button(label=label, style=style, disabled=disabled, custom_id=f"models:{action}:{subject}"))
        self.action = action
        self.subject = subject

    @classmethod
    def for_model(cls, action: ModelAction, model: str) -> Self | None:
        """Return the button that opens a model's form, or adds it as a command; None if its name is too long."""
        if len(model) > _SUBJECT_CHARS:
            return None
        style = discord.ButtonStyle.primary if action is ModelAction.TRY else discord.ButtonStyle.secondary
        return cls(action, model, label=_try_label() if action is ModelAction.TRY else _add_label(), style=style)

    @classmethod
    def for_switch(cls, command: Command) -> Self:
        """Return the button that replaces the command of this name by ``command``."""
        return cls(ModelAction.SWITCH, _switch_subject(command), label=_("Switch"), style=discord.ButtonStyle.primary)

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ModelAction(match["action"]), match["subject"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("model_button", interaction, self.action, self.subject)


class ModelSelect(
    ui.DynamicItem[ui.Select[Any]],
    template=re.compile(rf"models-all:(?P<action>{ModelAction.TRY}|{ModelAction.ADD})", re.ASCII),
):
    """Does with one of the models in a list what a button does; choosing dispatches the same event."""

    def __init__(self, action: ModelAction, models: Sequence[str] = ()) -> None:
        placeholder = _("Try one") if action is ModelAction.TRY else _("Add one as a command")
        options = [discord.SelectOption(label=model, value=model) for model in models]
        select: ui.Select[Any] = ui.Select(custom_id=f"models-all:{action}", placeholder=placeholder, options=options)
        super().__init__(select)
        self.action = action

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(ModelAction(match["action"]), ["…"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("model_button", interaction, self.action, self.item.values[0])


class SampleButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(r"sample:(?P<command>[-\w]{1,32})"),
):
    """Runs the sample of a command. Pressing it dispatches the event ``sample_button`` to the cogs."""

    def __init__(self, command: str) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(ui.Button(label=_try_label(), style=style, custom_id=f"sample:{command}"))
        self.command = command

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["command"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("sample_button", interaction, self.command)


def _try_label() -> str:
    return _("Try it")


def _add_label() -> str:
    return _("Add")


def switch_command_name(subject: str) -> str:
    """Return the name of the command that a Switch button is for."""
    return subject.partition(" ")[0]


def is_switch_to(command: Command, subject: str) -> bool:
    """Return whether a Switch button offered exactly this version of the command."""
    return subject == _switch_subject(command)


def _switch_subject(command: Command) -> str:
    return f"{command.name} {(command.target.version or _NEWEST)[:_VERSION_CHARS]}"


class RefusedRunAction(StrEnum):
    """What a button under a refusal does."""

    FIX = "fix"
    TRY_AGAIN = "again"


class RefusedRunButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"refused:(?P<action>{'|'.join(RefusedRunAction)}):(?P<id>{RUN_ID_PATTERN})", re.ASCII),
):
    """A button of a refused run. Pressing it dispatches the event ``refused_run_button`` to the cogs."""

    def __init__(self, action: RefusedRunAction, refused_id: str) -> None:
        label = _("Fix it") if action is RefusedRunAction.FIX else _("Try again")
        custom_id = f"refused:{action}:{refused_id}"
        super().__init__(ui.Button(label=label, style=discord.ButtonStyle.primary, custom_id=custom_id))
        self.action = action
        self.refused_id = refused_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(RefusedRunAction(match["action"]), match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("refused_run_button", interaction, self.action, self.refused_id)


class NextSelect(
    ui.DynamicItem[ui.Select[Any]],
    template=re.compile(rf"next:(?P<run>{RUN_ID_PATTERN})", re.ASCII),
):
    """The select "Next" under a result. Choosing dispatches the event ``next_chosen`` with the run and the value."""

    def __init__(self, run_id: str) -> None:
        super().__init__(ui.Select(custom_id=_next_custom_id(run_id)))
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("next_chosen", interaction, self.run_id, self.item.values[0])


def next_select_row(run_id: str, offers: Sequence[NextOffer]) -> Component:
    """Return a row with the select as a payload; what does not fit into it is behind its last choice."""
    select = {
        "type": discord.ComponentType.select.value,
        "custom_id": _next_custom_id(run_id),
        "placeholder": next_placeholder(),
        "options": [{"label": label, "value": value} for label, value in _next_options(offers)],
    }
    return payloads.row([select])


def next_select_item(run_id: str, offers: Sequence[NextOffer]) -> ui.ActionRow[Any]:
    """Return the same row for a card that is built of items. What is chosen goes to ``NextSelect``."""
    options = [discord.SelectOption(label=label, value=value) for label, value in _next_options(offers)]
    return ui.ActionRow(ui.Select(custom_id=_next_custom_id(run_id), placeholder=next_placeholder(), options=options))


def _next_options(offers: Sequence[NextOffer]) -> Iterator[tuple[str, str]]:
    """Yield the label and value of each choice."""
    shown, rest = first_offers(offers)
    for offer in shown:
        yield format_offer(offer), offer.value
    if rest:
        yield more_label(), NEXT_MORE


def _next_custom_id(run_id: str) -> str:
    return f"next:{run_id}"


class RunListAction(StrEnum):
    """Which runs to show."""

    NEWER = "newer"  # than the run of the button
    OLDER = "older"


class RunListButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(rf"runs:(?P<action>{'|'.join(RunListAction)}):(?P<run>{RUN_ID_PATTERN})", re.ASCII),
):
    """Turns the page of a person's runs. Pressing it dispatches the event ``run_list_button`` to the cogs."""

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


class ErasureAnswer(StrEnum):
    """The answers to "Delete everything stored about you?"."""

    DATA = "data"
    MESSAGES = "all"  # the data, and the bot's messages
    NOTHING = "keep"


_ERASURE_STYLES: Final = {
    ErasureAnswer.DATA: discord.ButtonStyle.danger,
    ErasureAnswer.MESSAGES: discord.ButtonStyle.danger,
    ErasureAnswer.NOTHING: discord.ButtonStyle.secondary,
}


class ErasureButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(
        rf"erase:(?P<answer>{'|'.join(ErasureAnswer)}):(?P<person>[0-9]{{1,20}}):(?P<at>[0-9]{{1,12}})", re.ASCII
    ),
):
    """Answers the question; pressing it dispatches the event ``erasure_button`` to the cogs.

    It says whose question it is, and when it was asked, so it works for that person only, for a while, and also in a
    process that has started since.
    """

    def __init__(self, answer: ErasureAnswer, *, person: int, asked_at: datetime) -> None:
        custom_id = f"erase:{answer}:{person}:{int(asked_at.timestamp())}"
        super().__init__(ui.Button(label=erasure_label(answer), style=_ERASURE_STYLES[answer], custom_id=custom_id))
        self.answer = answer
        self.person = person
        self.asked_at = asked_at

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        asked_at = datetime.fromtimestamp(int(match["at"]), UTC)
        return cls(ErasureAnswer(match["answer"]), person=int(match["person"]), asked_at=asked_at)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("erasure_button", interaction, self.answer, self.person, self.asked_at)


PERSISTENT_ITEMS: Final = (
    RunButton,
    ModelButton,
    ModelSelect,
    SampleButton,
    RefusedRunButton,
    NextSelect,
    RunListButton,
    ErasureButton,
)
