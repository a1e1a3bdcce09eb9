"""The forms of characters: what to save, and the consent to share."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord import ui

from bot.language import _
from bot.limits import (
    CHARACTER_DESCRIPTION_CHARS,
    CHARACTER_PICTURES,
    CHOICE_CHARS,
    SAVED_NAME_CHARS,
)
from bot.ui.modals import Form
from bot.ui.render.markdown import one_line

Interaction = discord.Interaction[Any]

_AGREED: Final = "agreed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterAnswers:
    """What was filled in; ``pictures`` are the numbers of those that were chosen, ``agrees`` the box."""

    name: str
    description: str
    pictures: tuple[int, ...]
    agrees: bool


class ConsentForm(Form):
    """A form with one box that has to be ticked."""

    def __init__(
        self, *, title: str, note: str, consent: str, agreed: Callable[[Interaction], Awaitable[None]]
    ) -> None:
        super().__init__(title)
        self._agreed = agreed
        self._consent = _make_consent(consent)
        self.add_item(ui.TextDisplay(note))
        self.add_item(ui.Label(text=_("Consent"), component=self._consent))

    async def on_submit(self, interaction: Interaction, /) -> None:
        if _AGREED in self._consent.values:  # Discord's client sees to it, and others may not
            await self._agreed(interaction)


class CharacterForm(Form):
    """Asks for what is not known of a new character: its name, which pictures, a description, and the consent."""

    def __init__(
        self,
        *,
        title: str,
        note: str,
        consent: str,
        submitted: Callable[[Interaction, CharacterAnswers], Awaitable[None]],
        name: str | None = None,
        description: str = "",
        pictures: Sequence[str] = (),
    ) -> None:
        """``pictures`` are the names of those to choose from, none if there is nothing to choose."""
        super().__init__(title)
        self._submitted = submitted
        self._known_name = name
        self._name: ui.TextInput[Any] = ui.TextInput(
            max_length=SAVED_NAME_CHARS + 1, placeholder=_("Letters, digits, - and _")
        )
        self._pictures = _make_picture_select(pictures) if len(pictures) > 1 else None
        self._description: ui.TextInput[Any] = ui.TextInput(
            style=discord.TextStyle.paragraph,
            required=False,
            max_length=CHARACTER_DESCRIPTION_CHARS,
            default=description or None,
            placeholder=_("A woman with short red hair and round glasses"),
        )
        self._consent = _make_consent(consent)
        self.add_item(ui.TextDisplay(note))
        if name is None:
            self.add_item(ui.Label(text=_("Name"), component=self._name))
        if self._pictures is not None:
            self.add_item(ui.Label(text=_("Pictures"), component=self._pictures))
        self.add_item(
            ui.Label(
                text=_("Description"),
                description=_("Goes into the prompt in place of the name"),
                component=self._description,
            )
        )
        self.add_item(ui.Label(text=_("Consent"), component=self._consent))

    async def on_submit(self, interaction: Interaction, /) -> None:
        chosen = (0,) if self._pictures is None else tuple(map(int, self._pictures.values))
        await self._submitted(
            interaction,
            CharacterAnswers(
                name=self._known_name or self._name.value,
                description=self._description.value,
                pictures=chosen,
                agrees=_AGREED in self._consent.values,
            ),
        )


def _make_consent(label: str) -> ui.CheckboxGroup[Any]:
    """Return one box. A single Checkbox can't be required; a group of one can."""
    option = discord.CheckboxGroupOption(label=label, value=_AGREED)
    return ui.CheckboxGroup(options=[option], required=True, min_values=1, max_values=1)


def _make_picture_select(names: Sequence[str]) -> ui.Select[Any]:
    options = [
        discord.SelectOption(
            label=one_line(f"{number}: {name}", CHOICE_CHARS), value=str(number - 1), default=number == 1
        )
        for number, name in enumerate(names, start=1)
    ]
    return ui.Select(options=options, required=True, min_values=1, max_values=min(CHARACTER_PICTURES, len(options)))
