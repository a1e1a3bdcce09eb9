"""The form of a new preset: its name, its prompt, and which inputs are asked for at each use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.language import _
from bot.limits import (
    CHOICE_CHARS,
    PRESET_ASKED,
    SAVED_NAME_CHARS,
    SELECT_OPTIONS,
    TEXT_INPUT_CHARS,
)
from bot.options.text import describe_field
from bot.presets.draft import PresetDraft
from bot.ui.modals import Form
from bot.ui.render import presets as render
from bot.ui.render.markdown import one_line

Interaction = discord.Interaction[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetAnswers:
    """What was filled in; ``asked`` are keys of inputs."""

    name: str
    template: str | None
    asked: frozenset[str]


class PresetForm(Form):
    """Asks what to make of a run's inputs."""

    def __init__(
        self, draft: PresetDraft, *, submitted: Callable[[Interaction, PresetAnswers], Awaitable[None]]
    ) -> None:
        super().__init__(title=_("Save as preset"))
        self._draft = draft
        self._submitted = submitted
        self._name: ui.TextInput[Any] = ui.TextInput(
            max_length=SAVED_NAME_CHARS, placeholder=_("Letters, digits, - and _")
        )
        # A longer prompt than a form can show is kept as it is.
        self._template = None
        if draft.template is not None and len(draft.template) <= TEXT_INPUT_CHARS:
            self._template = ui.TextInput[Any](
                style=discord.TextStyle.paragraph, default=draft.template or None, required=False
            )
        self._asked = _make_select(draft)
        if note := render.form_note(draft.values, draft.must_ask):
            self.add_item(ui.TextDisplay(note))
        self.add_item(ui.Label(text=_("Name"), component=self._name))
        if self._template is not None:
            self.add_item(ui.Label(text=_("Prompt"), description=render.template_hint(), component=self._template))
        if self._asked is not None:
            self.add_item(
                ui.Label(
                    text=_("Asked for at each use"),
                    description=_("Everything else stays as it was in this run"),
                    component=self._asked,
                )
            )

    async def on_submit(self, interaction: Interaction, /) -> None:
        asked = frozenset(self._asked.values if self._asked is not None else ())
        template = self._draft.template if self._template is None else self._template.value.strip()
        await self._submitted(
            interaction, PresetAnswers(name=self._name.value, template=template, asked=asked | {*self._draft.must_ask})
        )


def _make_select(draft: PresetDraft) -> ui.Select[Any] | None:
    options = [
        discord.SelectOption(
            label=one_line(field.name, CHOICE_CHARS),
            value=field.name,
            description=one_line(describe_field(field, None), CHOICE_CHARS) or None,
            default=field.name in draft.must_ask,
        )
        for field in draft.can_ask
        if len(field.name) <= CHOICE_CHARS
    ][:SELECT_OPTIONS]
    if not options:
        return None
    return ui.Select(options=options, required=False, min_values=0, max_values=min(PRESET_ASKED, len(options)))
