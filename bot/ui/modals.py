"""Forms as Discord modals: what all of them have in common, and the form of a model's inputs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
from discord import ui

from bot.formatting import truncate
from bot.limits import INTERACTION_TOKEN_LIFE, MODAL_COMPONENTS, MODAL_TITLE_CHARS
from bot.options.form import FormField, FormKind, OptionForm
from bot.ui.respond import report_error

Answers = Mapping[str, str | int | float | list[discord.Attachment]]


class Form(ui.Modal):
    """A form; errors are reported to the person."""

    def __init__(self, title: str) -> None:
        # Discord keeps a modal open as long as the token of its interaction is valid.
        super().__init__(title=truncate(title, MODAL_TITLE_CHARS), timeout=INTERACTION_TOKEN_LIFE.total_seconds())

    def label(self, text: str, item: ui.Item[Any], description: str | None = None) -> None:
        """Add a field under a label."""
        self.add_item(ui.Label(text=text, description=description, component=item))

    async def on_error(  # type: ignore[override]  # discord.py's own Modal narrows it, too
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        await report_error(interaction, error)


class FormModal(Form):
    """A form; ``submitted`` is awaited with the interaction and the answers by field key.

    An answer is a text, the value of a choice, or a list of attachments; fields left empty have none. A ``note``
    stands above the form if there is room, and a ``first`` field comes before the form's own.
    """

    def __init__(
        self,
        form: OptionForm,
        *,
        title: str,
        submitted: Callable[[discord.Interaction[Any], Answers], Awaitable[None]],
        note: str | None = None,
        first: FormField | None = None,
    ) -> None:
        super().__init__(title)
        self._submitted = submitted
        self._inputs: dict[str, tuple[FormField, ui.Item[Any]]] = {}
        if note is not None and len(form.fields) < MODAL_COMPONENTS:
            self.add_item(ui.TextDisplay(note))
        for field in (*filter(None, [first]), *form.fields):
            item = _BUILDERS[field.kind](field)
            self._inputs[field.key] = (field, item)
            self.add_item(ui.Label(text=field.label, description=field.description or None, component=item))

    def answers(self) -> Answers:
        """Return what was filled in, by field key."""
        answers = {key: _read_answer(field, item) for key, (field, item) in self._inputs.items()}
        return {key: answer for key, answer in answers.items() if answer not in (None, "", [])}

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self.answers())


def _build_text_input(field: FormField) -> ui.TextInput[Any]:
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


def _build_select(field: FormField) -> ui.Select[Any]:
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


def _build_file_upload(field: FormField) -> ui.FileUpload[Any]:
    return ui.FileUpload(
        custom_id=field.key,
        required=field.required,
        min_values=max(field.minimum, int(field.required)),
        max_values=field.maximum,
    )


def _read_answer(field: FormField, item: ui.Item[Any]) -> str | int | float | list[discord.Attachment] | None:
    match item:
        case ui.TextInput():
            return item.value
        case ui.Select():
            selected = item.values[0] if item.values else ""
            return next((choice.value for choice in field.choices if str(choice.value) == selected), None)
        case ui.FileUpload():
            return list(item.values)
        case _:
            return None


_BUILDERS: Mapping[FormKind, Callable[[FormField], ui.Item[Any]]] = {
    FormKind.LINE: _build_text_input,
    FormKind.PARAGRAPH: _build_text_input,
    FormKind.CHOICE: _build_select,
    FormKind.FILES: _build_file_upload,
}
