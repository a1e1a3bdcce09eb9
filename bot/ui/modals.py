"""A form of inputs as a Discord modal, and what was filled in as answers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
from discord import ui

from bot.formatting import truncate
from bot.limits import MODAL_COMPONENTS, MODAL_TITLE_CHARS
from bot.options.form import FormField, FormKind, OptionForm

# Discord keeps a modal open as long as its interaction's token could answer; then it is forgotten here, too.
_OPEN_SECONDS = 15 * 60.0

Answers = Mapping[str, str | int | float | list[discord.Attachment]]


class FormModal(ui.Modal):
    """Asks for a form's fields; ``submitted`` gets the answers by key, ``failed`` what it raised.

    An answer is a text, a choice's value, or a list of attachments; what was left empty is missing. Above the form
    stands a ``note``, where there is room, or a ``first`` field whose answer comes with the others.
    """

    def __init__(
        self,
        form: OptionForm,
        *,
        title: str,
        submitted: Callable[[discord.Interaction[Any], Answers], Awaitable[None]],
        failed: Callable[[discord.Interaction[Any], Exception], Awaitable[None]],
        note: str | None = None,
        first: FormField | None = None,
    ) -> None:
        super().__init__(title=truncate(title, MODAL_TITLE_CHARS), timeout=_OPEN_SECONDS)
        self._submitted = submitted
        self._failed = failed
        self._inputs: dict[str, tuple[FormField, ui.Item[Any]]] = {}
        if note is not None and len(form.fields) < MODAL_COMPONENTS:
            self.add_item(ui.TextDisplay(note))
        for field in (*filter(None, [first]), *form.fields):
            asked = _INPUTS[field.kind](field)
            self._inputs[field.key] = (field, asked)
            self.add_item(ui.Label(text=field.label, description=field.description or None, component=asked))

    def answers(self) -> Answers:
        """Return what was filled in, by key."""
        read = {key: _answer(field, asked) for key, (field, asked) in self._inputs.items()}
        return {key: answer for key, answer in read.items() if answer not in (None, "", [])}

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Hand the answers over."""
        await self._submitted(interaction, self.answers())

    async def on_error(  # type: ignore[override]  # discord.py's own Modal narrows it, too
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        """Hand over what went wrong."""
        await self._failed(interaction, error)


def _text(field: FormField) -> ui.TextInput[Any]:
    long = field.kind is FormKind.PARAGRAPH
    return ui.TextInput(
        custom_id=field.key,
        style=discord.TextStyle.paragraph if long else discord.TextStyle.short,
        default=field.value or None,
        placeholder=field.placeholder or None,
        required=field.required,
        min_length=field.minimum or None,
        max_length=field.maximum,
    )


def _choice(field: FormField) -> ui.Select[Any]:
    options = [
        discord.SelectOption(label=choice.label, value=str(choice.value), default=str(choice.value) == field.value)
        for choice in field.choices
    ]
    return ui.Select(
        custom_id=field.key,
        placeholder=field.placeholder or None,
        options=options,
        required=field.required,
        min_values=int(field.required),
    )


def _files(field: FormField) -> ui.FileUpload[Any]:
    return ui.FileUpload(
        custom_id=field.key,
        required=field.required,
        min_values=max(field.minimum, int(field.required)),
        max_values=field.maximum,
    )


def _answer(field: FormField, asked: ui.Item[Any]) -> str | int | float | list[discord.Attachment] | None:
    match asked:
        case ui.TextInput():
            return asked.value
        case ui.Select():
            picked = asked.values[0] if asked.values else ""
            return next((choice.value for choice in field.choices if str(choice.value) == picked), None)
        case ui.FileUpload():
            return list(asked.values)
        case _:
            return None


_INPUTS: Mapping[FormKind, Callable[[FormField], ui.Item[Any]]] = {
    FormKind.LINE: _text,
    FormKind.PARAGRAPH: _text,
    FormKind.CHOICE: _choice,
    FormKind.FILES: _files,
}
