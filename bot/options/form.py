"""Edit: inputs as a form of at most five parts, filled with what a run had, and back to values for ``collect``.

The form holds what matters most (the prompt, what is needed, files, then the model's own order). All other inputs
stand in one ``advanced`` paragraph as ``key=value`` lines, so nothing is out of reach. What the form cannot show
(files that were given before, texts longer than Discord's fields) is kept unless the form says something else.
"""

import json
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
from bot.media.types import Media
from bot.options.coercion import parse_urls
from bot.options.fields import Field, FieldKind
from bot.options.layout import OptionLayout, find_quirks
from bot.options.options import Choice, make_choices
from bot.options.parse import format_pairs, parse_pairs, require_field
from bot.options.text import describe_field, format_details, humanize_key, join_description
from bot.secrets import is_secret_name

_MARK: Final = "file:"


class FormKind(StrEnum):
    """How one part of a form is asked for."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    CHOICE = "choice"
    FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One part of a form. ``key`` is what its answer comes back under.

    ``value`` is what it is filled with; for a choice it is one of ``choices``' ``sent``. ``most`` is the number of
    files, or of characters.
    """

    key: str
    kind: FormKind
    label: str
    description: str
    value: str = ""
    placeholder: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    least: int = 0
    most: int = TEXT_INPUT_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionForm:
    """A form for a plan. ``kept`` are values that stay as they are unless an answer replaces them."""

    plan: OptionLayout
    fields: tuple[FormField, ...]
    kept: Mapping[str, Any] = member(default_factory=dict)

    def values(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return values for ``collect``; BadOption when the ``advanced`` text cannot be read.

        ``answers`` go by the fields' keys: text, a choice's ``sent``, or a list of files (``Taken`` or ``Media``).
        What is empty or missing counts as not given.
        """
        given = {
            self._field(key).name: answer
            for key, answer in answers.items()
            if key != self.plan.advanced and answer not in (None, "", [], ())
        }
        advanced = self.plan.advanced
        for pair in parse_pairs(str(answers.get(advanced) or ""), advanced):
            field = require_field(self.plan, pair.key, advanced)
            if field.name not in given:
                given[field.name] = pair.value
            elif field.holds_files:
                given[field.name] = [*given[field.name], *parse_urls(pair.value, advanced)]
            else:
                raise BadOption(advanced, f"`{advanced}` gives `{self.plan.names[field.name]}` again; keep one.")
        return {**self.kept, **given}

    def _field(self, key: str) -> Field:
        return require_field(self.plan, key, key)


def restore_values(plan: OptionLayout, previous: Mapping[str, Any], files: Sequence[Media] = ()) -> dict[str, Any]:
    """Return a run's input as values for ``collect``, by the model's keys; its files are looked up in ``files``."""
    values: dict[str, Any] = {}
    for field in plan.fields:
        value = previous.get(field.name)
        if value is None:
            continue
        if field.holds_files:
            value = _found(value, files)
        if value is not None:
            values[field.name] = value
    return values


def build_form(
    plan: OptionLayout,
    values: Mapping[str, Any] | None = None,
    *,
    filled: Collection[str] = (),
    room: int = MODAL_COMPONENTS,
) -> OptionForm:
    """Return the form for these values (by the model's keys, as ``given_before`` gives them).

    ``filled`` names inputs that are given already and need no asking: the picture of “Use as subject”. ``room`` is
    how many parts the form may have.
    """
    known = dict(values or {})
    asked = [field for field in _by_weight(plan) if field.name not in filled]
    shown = asked if len(asked) <= room and not _needs_text(asked) else asked[: room - 1]
    parts = [part for field in shown if (part := _part(plan, field, known.get(field.name))) is not None]
    rest = [field for field in asked if plan.names[field.name] not in {part.key for part in parts}]
    urls = [field for field in shown if field.holds_files]
    text, told = _text(plan, known, rest)
    if rest or urls:
        parts.append(_advanced(plan, [*rest, *urls], text))
    answered = {part.key for part in parts if part.kind is not FormKind.FILES}
    gone = told | {field.name for field in shown if plan.names[field.name] in answered}
    return OptionForm(
        plan=plan, fields=tuple(parts), kept={key: value for key, value in known.items() if key not in gone}
    )


def edit_text(plan: OptionLayout, previous: Mapping[str, Any]) -> str:
    """Return a run's input as ``key=value`` lines that ``advanced`` reads; its files are left out."""
    text, _ = _text(plan, restore_values(plan, previous), plan.fields, room=None)
    return text


def _needs_text(fields: Iterable[Field]) -> bool:
    """Whether some input can be given otherwise than by its own part: a file by its address."""
    return any(field.holds_files for field in fields)


def _by_weight(plan: OptionLayout) -> list[Field]:
    """Return the fields, those that matter most first."""

    def weight(field: Field) -> int:
        if field.name == plan.prompt:
            return 0
        if field.name in plan.needed:
            return 1
        return 4 if field.deprecated else 2 if field.holds_files else 3

    return sorted(plan.fields, key=weight)


def _part(plan: OptionLayout, field: Field, value: Any) -> FormField | None:
    """Return the form's part for a field; None when what it has cannot stand in one."""
    key = plan.names[field.name]
    default = plan.defaults.get(field.name, field.default)
    about = join_description(
        describe_field(field, find_quirks(plan.model).word(field.name)),
        format_details(field, default),
        LABEL_DESCRIPTION_CHARS,
    )
    label = truncate(humanize_key(field.name).capitalize(), LABEL_CHARS)
    required = field.name in plan.needed
    if field.holds_files:
        return _file_part(field, key, label, about, has=value is not None)
    text = _written(field, value)
    choices = _choices(field)
    if choices:
        sent = next((choice.sent for choice in choices if choice.label == text or str(choice.real) == text), "")
        return FormField(
            key=key,
            kind=FormKind.CHOICE,
            label=label,
            description=about,
            value=str(sent),
            choices=choices,
            required=required,
        )
    if len(text) > TEXT_INPUT_CHARS or (value is not None and not text):
        return None
    long = field.name == plan.prompt or field.kind is FieldKind.JSON or "\n" in text or len(text) > 80
    return FormField(
        key=key,
        kind=FormKind.PARAGRAPH if long or field.kind is FieldKind.STRINGS else FormKind.LINE,
        label=label,
        description=about,
        value=text,
        required=required,
        # A shortest length would keep people from leaving an optional part empty.
        least=_least(field) if required else 0,
        most=max(_most(field), len(text)),
    )


def _file_part(field: Field, key: str, label: str, about: str, *, has: bool) -> FormField:
    most = min(field.max_items or MODAL_FILES, MODAL_FILES) if field.kind is FieldKind.FILES else 1
    keeps = "Leave empty to keep what was given" if has else truncate(about, LABEL_DESCRIPTION_CHARS)
    # Never required: an address in the ``advanced`` text will do, and ``collect`` asks for what is missing.
    return FormField(key=key, kind=FormKind.FILES, label=label, description=keeps, most=max(most, 1))


def _choices(field: Field) -> tuple[Choice, ...]:
    if field.kind is FieldKind.BOOLEAN:
        return (Choice("True", "true", True), Choice("False", "false", False))  # noqa: FBT003 - the choice's value
    listable = field.choices and not field.listed and not field.suggested and len(field.choices) <= CHOICES_PER_OPTION
    return make_choices(field.choices) if listable else ()


def _least(field: Field) -> int:
    return min(field.min_length or 0, TEXT_INPUT_CHARS) if field.kind is FieldKind.STRING else 0


def _most(field: Field) -> int:
    longest = field.max_length if field.kind is FieldKind.STRING else None
    return min(longest or TEXT_INPUT_CHARS, TEXT_INPUT_CHARS)


def _advanced(plan: OptionLayout, fields: Sequence[Field], text: str) -> FormField:
    names = ", ".join(f"{plan.names[field.name]}" for field in fields)
    example = f"{plan.names[fields[0].name]}={'https://…' if fields[0].holds_files else '…'}"
    return FormField(
        key=plan.advanced,
        kind=FormKind.PARAGRAPH,
        label="More inputs, one key=value a line",
        description=truncate(f"Any of: {names}", LABEL_DESCRIPTION_CHARS),
        value=text,
        placeholder=truncate(example, LABEL_DESCRIPTION_CHARS),
    )


def _text(
    plan: OptionLayout, values: Mapping[str, Any], fields: Iterable[Field], *, room: int | None = TEXT_INPUT_CHARS
) -> tuple[str, set[str]]:
    """Return the values as lines, and the keys of those that found room."""
    lines: list[str] = []
    told: set[str] = set()
    used = 0
    for field in fields:
        value = values.get(field.name)
        if value is None or is_secret_name(field.name) or (field.holds_files and not _all_addresses(value)):
            continue
        line = format_pairs([(plan.names[field.name], _written(field, value))])
        if room is None or used + len(line) + 1 <= room:
            lines.append(line)
            told.add(field.name)
            used += len(line) + 1
    return "\n".join(lines), told


def _all_addresses(value: Any) -> bool:
    return all(isinstance(part, str) for part in (value if isinstance(value, list | tuple) else [value]))


def _written(field: Field, value: Any) -> str:
    """Return a value as text that reads back as it."""
    if value is None:
        return ""
    if field.kind is FieldKind.JSON or isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        parts = [str(part) for part in value]
        if field.holds_files:
            return " ".join(parts)
        plain = all(part and part == part.strip() and not set(part) & set(',"\r\n[') for part in parts)
        return ", ".join(parts) if plain and parts else json.dumps(list(value), ensure_ascii=False)
    return str(value)


def _found(value: Any, files: Sequence[Media]) -> Any:
    """Replace marks of files by the files; None where all of them are no more."""
    if isinstance(value, list):
        parts = [part for mark in value if (part := _found(mark, files)) is not None]
        return parts or None
    if isinstance(value, str) and value.startswith(_MARK):
        number = value.removeprefix(_MARK)
        return files[int(number)] if number.isdecimal() and int(number) < len(files) else None
    return value
