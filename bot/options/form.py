"""Inputs as a form of at most five parts, prefilled with a run's values, and its answers as values to parse.

A form has a part for each of the most important inputs (the prompt, required inputs, files, then the model's own
order). All other inputs are ``key=value`` lines in one ``advanced`` paragraph, so every input can be set. What a form
cannot show (uploaded files, texts longer than Discord's fields) is kept unless an answer replaces it.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from enum import StrEnum
from typing import Any, Final

from bot.errors import BadOption
from bot.formatting import truncate
from bot.limits import (
    CHOICES_PER_OPTION,
    LABEL_CHARS,
    LABEL_DESCRIPTION_CHARS,
    MODAL_COMPONENTS,
    MODAL_FILES,
    TEXT_INPUT_CHARS,
)
from bot.media.types import InputFile, parse_reference
from bot.options.fields import Field, FieldKind
from bot.options.files import RemoteFile
from bot.options.layout import OptionLayout, find_quirks
from bot.options.options import Choice, make_choices
from bot.options.pairs import format_pairs, parse_pairs
from bot.options.parse import check_not_blank, require_field
from bot.options.text import describe_field, format_details, humanize_key, join_description
from bot.options.visibility import VISIBILITY, is_visibility
from bot.secrets import is_secret_name

_SHORT_TEXT_CHARS: Final = 80  # a longer text is shown as a paragraph


class FormKind(StrEnum):
    """How one part of a form is asked for."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    CHOICE = "choice"
    FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One part of a form. Its answer is returned under ``key``.

    ``value`` prefills it; for a choice, it is the ``value`` of one of ``choices``. ``minimum`` and ``maximum`` are
    numbers of characters, or of files.
    """

    key: str
    kind: FormKind
    label: str
    description: str
    value: str = ""
    placeholder: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: int = 0
    maximum: int = TEXT_INPUT_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionForm:
    """A form for a layout. ``kept`` are values, by the model's keys, that apply unless an answer replaces them."""

    layout: OptionLayout
    fields: tuple[FormField, ...]
    kept: Mapping[str, Any] = member(default_factory=dict)

    def parse_answers(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return values for ``take_visibility`` and ``parse_options``.

        ``answers`` are by the parts' keys: text, the value of a choice, or a list of files
        (``RemoteFile`` or ``InputFile``). An empty or missing answer counts as not given. Raises BadOption if
        ``advanced`` is malformed, or a part that has to be filled in has only blanks.
        """
        for part in self.fields:
            answer = answers.get(part.key)
            if part.required and isinstance(answer, str) and answer:
                check_not_blank(part.key, answer)
        values = {
            self._require_field(key).name: answer
            for key, answer in answers.items()
            if key != self.layout.advanced and answer not in (None, "", [], ())
        }
        advanced = self.layout.advanced
        for pair in parse_pairs(str(answers.get(advanced) or ""), advanced):
            if is_visibility(self.layout, pair.key):
                values[VISIBILITY] = pair.value
                continue
            field = require_field(self.layout, pair.key, advanced)
            if field.name not in values:
                values[field.name] = pair.value
            elif field.accepts_files:
                values[field.name] = [*values[field.name], *_split_addresses(pair.value)]
            else:
                raise BadOption(advanced, f"`{advanced}` sets `{self.layout.names[field.name]}` again. Keep only one.")
        return {**self.kept, **values}

    def _require_field(self, key: str) -> Field:
        return require_field(self.layout, key, key)


def _split_addresses(text: str) -> list[str]:
    """Return web addresses, or names of characters, that are checked later."""
    return [part for part in re.split(r"\s+|,(?=\s*(?:https?://|@))", text.strip()) if part]


def restore_values(
    layout: OptionLayout, run_input: Mapping[str, Any], files: Sequence[InputFile | RemoteFile | str] = ()
) -> dict[str, Any]:
    """Return a run's input as values for ``parse_options``, by the model's keys.

    References are replaced by the ``files`` they refer to (or their addresses); a file that is no longer stored is left
    out.
    """
    values: dict[str, Any] = {}
    for field in layout.fields:
        value = run_input.get(field.name)
        if value is not None and field.accepts_files:
            value = _restore_files(value, files)
        if value is not None:
            values[field.name] = value
    return values


def build_form(
    layout: OptionLayout,
    values: Mapping[str, Any] | None = None,
    *,
    exclude: Collection[str] = (),
    max_components: int = MODAL_COMPONENTS,
) -> OptionForm:
    """Return a form prefilled with these values, by the model's keys, as ``restore_values`` returns them.

    ``exclude`` are keys that are not asked for because their values are known. ``max_components`` is the number of
    parts that the form can have.
    """
    known = dict(values or {})
    fields = [field for field in _sort_by_importance(layout) if field.name not in exclude]
    shown = fields if len(fields) <= max_components else fields[: max_components - 1]
    parts = [part for field in shown if (part := _make_part(layout, field, known.get(field.name))) is not None]
    part_keys = {part.key for part in parts}
    others = [field for field in fields if layout.names[field.name] not in part_keys]
    text, written = _format_values(layout, known, others)
    if others:
        parts.append(_make_advanced_part(layout, others, text))
    prefilled = {part.key for part in parts if part.kind is not FormKind.FILES}
    replaced = written | {field.name for field in shown if layout.names[field.name] in prefilled}
    return OptionForm(
        layout=layout,
        fields=tuple(parts),
        kept={key: value for key, value in known.items() if key not in replaced},
    )


def _sort_by_importance(layout: OptionLayout) -> list[Field]:
    def rank(field: Field) -> int:
        if field.name == layout.prompt_field:
            return 0
        if field.name in layout.required:
            return 1
        if field.deprecated:
            return 4
        return 2 if field.accepts_files else 3

    return sorted(layout.fields, key=rank)


def _make_part(layout: OptionLayout, field: Field, value: Any) -> FormField | None:
    """Return the form's part for a field, or None if the field's value cannot be shown in one."""
    key = layout.names[field.name]
    description = join_description(
        describe_field(field, find_quirks(layout.model).describe(field.name)),
        format_details(field, layout.defaults.get(field.name, field.default)),
        LABEL_DESCRIPTION_CHARS,
    )
    label = truncate(humanize_key(field.name).capitalize(), LABEL_CHARS)
    required = field.name in layout.required
    if field.accepts_files:
        return _make_file_part(field, key, label, description, has_value=value is not None)
    choices = _list_choices(field)
    if choices:
        return FormField(
            key=key,
            kind=FormKind.CHOICE,
            label=label,
            description=description,
            value=_find_selected(choices, value),
            choices=choices,
            required=required,
        )
    text = _format_input(field, value)
    if len(text) > TEXT_INPUT_CHARS or (value is not None and (not text or is_secret_name(field.name))):
        return None
    is_long = field.name == layout.prompt_field or "\n" in text or len(text) > _SHORT_TEXT_CHARS
    return FormField(
        key=key,
        kind=FormKind.PARAGRAPH if is_long or field.kind in (FieldKind.JSON, FieldKind.STRINGS) else FormKind.LINE,
        label=label,
        description=description,
        value=text,
        required=required,
        # A minimum length would not let a person leave an optional part empty.
        minimum=_min_chars(field) if required else 0,
        maximum=max(_max_chars(field), len(text)),
    )


def _make_file_part(field: Field, key: str, label: str, description: str, *, has_value: bool) -> FormField:
    maximum = min(field.max_items or MODAL_FILES, MODAL_FILES) if field.kind is FieldKind.FILES else 1
    return FormField(
        key=key,
        kind=FormKind.FILES,
        label=label,
        description="Leave empty to keep the current file" if has_value else description,
        # Never required: a kept file will do, or an address in the advanced paragraph of a form that has one.
        # ``parse_options`` asks for what is missing.
        required=False,
        maximum=max(maximum, 1),
    )


def _list_choices(field: Field) -> tuple[Choice, ...]:
    if field.kind is FieldKind.BOOLEAN:
        return (Choice("On", "true", True), Choice("Off", "false", False))  # noqa: FBT003 - the model's own values
    is_listable = field.choices and not field.is_list and not field.allows_custom
    return make_choices(field.choices) if is_listable and len(field.choices) <= CHOICES_PER_OPTION else ()


def _find_selected(choices: Sequence[Choice], value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return next((str(choice.value) for choice in choices if text in (choice.label, str(choice.model_value))), "")


def _min_chars(field: Field) -> int:
    return min(field.min_length or 0, TEXT_INPUT_CHARS) if field.kind is FieldKind.STRING else 0


def _max_chars(field: Field) -> int:
    longest = field.max_length if field.kind is FieldKind.STRING else None
    return min(longest or TEXT_INPUT_CHARS, TEXT_INPUT_CHARS)


def _make_advanced_part(layout: OptionLayout, fields: Sequence[Field], text: str) -> FormField:
    names = ", ".join(layout.names[field.name] for field in fields)
    example = f"{layout.names[fields[0].name]}={'https://…' if fields[0].accepts_files else '…'}"
    return FormField(
        key=layout.advanced,
        kind=FormKind.PARAGRAPH,
        label="More inputs (one key=value per line)",
        description=truncate(f"Any of: {names}", LABEL_DESCRIPTION_CHARS),
        value=text,
        placeholder=truncate(example, LABEL_DESCRIPTION_CHARS),
    )


def _format_values(layout: OptionLayout, values: Mapping[str, Any], fields: Iterable[Field]) -> tuple[str, set[str]]:
    """Return the values as ``key=value`` lines, and the keys of those that fit into the paragraph."""
    lines: list[str] = []
    written: set[str] = set()
    length = 0
    for field in fields:
        value = values.get(field.name)
        if value is None or is_secret_name(field.name) or (field.accepts_files and not _are_addresses(value)):
            continue
        line = format_pairs([(layout.names[field.name], _format_input(field, value))])
        if length + len(line) + 1 <= TEXT_INPUT_CHARS:
            lines.append(line)
            written.add(field.name)
            length += len(line) + 1
    return "\n".join(lines), written


def _are_addresses(value: Any) -> bool:
    return all(isinstance(part, str) for part in (value if isinstance(value, list | tuple) else [value]))


def _format_input(field: Field, value: Any) -> str:
    """Return a value as text that is parsed into the same value."""
    if value is None:
        return ""
    if field.kind is FieldKind.JSON or isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        items = [str(item) for item in value]
        if field.accepts_files:
            return " ".join(items)
        are_plain = all(item and item == item.strip() and not set(item) & set(',"\r\n[') for item in items)
        return ", ".join(items) if are_plain and items else json.dumps(list(value), ensure_ascii=False)
    return str(value)


def _restore_files(value: Any, files: Sequence[InputFile | RemoteFile | str]) -> Any:
    """Replace references by the files they refer to; None if none of the files is stored."""
    if isinstance(value, list):
        return [file for part in value if (file := _restore_files(part, files)) is not None] or None
    index = parse_reference(value)
    if index is None:
        return value
    return files[index] if index < len(files) else None
