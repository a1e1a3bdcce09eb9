"""Describe inputs and values as people read them, cut to fit."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bot.formatting import SEPARATOR, join_facts, single_line, truncate
from bot.language import _, retranslate
from bot.options.fields import Field, FieldKind
from bot.options.files import describe_types
from bot.secrets import contains_private_url, is_secret_name

if TYPE_CHECKING:
    from bot.options.layout import OptionLayout

# Neither brackets nor parentheses in themselves: each letter is then looked at twice at most.
_LINK: Final = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_MARKDOWN: Final = re.compile(r"[`*]")
_VALUE_CHARS: Final = 32  # of a value in a description
_DESCRIPTION_CHARS: Final = 500  # of a description that is cut to 100, with its links and marks
_READ_CHARS: Final = 1_000  # of a value that is cut to so few
_READ_ITEMS: Final = 20
_MIN_TEXT_CHARS: Final = 16  # of a description's own text that remain, however long the details are
_LISTED_CHOICES: Final = 8  # of a longer list, the rest is counted
_KINDS: Final[Mapping[FieldKind, str]] = {
    FieldKind.STRING: _("text"),
    FieldKind.INTEGER: _("integer"),
    FieldKind.NUMBER: _("number"),
    FieldKind.BOOLEAN: _("on/off"),
    FieldKind.FILE: _("file"),
    FieldKind.FILES: _("files"),
    FieldKind.STRINGS: _("list of texts"),
    FieldKind.NUMBERS: _("list of numbers"),
    FieldKind.JSON: "JSON",
}
_EXACT_INTEGERS: Final = 1e15  # floats below it are shown without a decimal point
_SUMMARY_CHARS: Final = 200
_COUNT_NAME: Final = re.compile(r"(?:number_of|num|n)_(?P<what>[a-z_]+)")


def strip_markdown(text: str) -> str:
    """Return the text on one line, without Markdown and invisible characters."""
    return single_line(_MARKDOWN.sub("", _LINK.sub(r"\1", text)))


def join_description(text: str, details: str, max_chars: int) -> str:
    """Return “text · details” in at most ``max_chars`` characters; the text is shortened first, but never dropped."""
    text = text.rstrip(" .")
    if not details:
        return truncate(text, max_chars)
    details = truncate(details, max(max_chars - _MIN_TEXT_CHARS - len(SEPARATOR), 1))
    return f"{truncate(text, max_chars - len(details) - len(SEPARATOR))}{SEPARATOR}{details}"


def humanize_key(name: str) -> str:
    """Return a key as words: “numberOfOutputs” and “number_of_outputs” become “number of outputs”."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return strip_markdown(re.sub(r"[_\-./\s]+", " ", spaced)).strip() or "input"


def format_value(value: Any, max_chars: int = _VALUE_CHARS) -> str:
    """Return a value as it stands in a sentence; text with spaces is quoted."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        value = int(value)
    if isinstance(value, list | tuple):
        value = ", ".join(str(item)[:_READ_CHARS] for item in value[:_READ_ITEMS])
    text = strip_markdown(str(value)[:_READ_CHARS])
    if " " in text or not text:
        return f"“{truncate(text, max_chars - 2)}”"
    return truncate(text, max_chars)


def format_default(field: Field, default: Any) -> str:
    """Return “default: 3”, or nothing if there is no default worth showing."""
    if default in (None, "", []) or isinstance(default, dict):
        return ""
    if field.kind is FieldKind.BOOLEAN:
        return _("default: on") if default else _("default: off")
    return _("default: {default}").format(default=format_value(default))


def format_range(field: Field) -> str:
    """Return the range of a number: “1–20”, “at least 1”, or nothing."""
    low, high = field.minimum, field.maximum
    if low is None and high is None:
        return ""
    if high is None:
        return _("at least {low}").format(low=format_value(low))
    if low is None:
        return _("at most {high}").format(high=format_value(high))
    if low < 0:
        # Translators: a range of numbers, where the first is negative: "-1 to 1".
        return _("{low} to {high}").format(low=format_value(low), high=format_value(high))
    return f"{format_value(low)}–{format_value(high)}"


def format_details(field: Field, default: Any) -> str:
    """Return what follows a description: the form, the range, the default."""
    parts = [_format_form(field), format_range(field), "" if field.accepts_files else format_default(field, default)]
    return ", ".join(part for part in parts if part)


def describe_field(field: Field, fallback: str | None) -> str:
    """Return the model's own description of the input, else the ``fallback``, else its name in words."""
    title, name = strip_markdown(field.title), humanize_key(field.name)
    # A title that Cog derives from the key reads “Custom Sd Model”; the key in words reads “Custom sd model”.
    label = title if title and title.lower() != name.lower() else name
    text = strip_markdown(field.description[:_DESCRIPTION_CHARS]).strip(" .,:;…") or fallback or label
    return text[:1].upper() + text[1:]


def describe_inputs(layout: "OptionLayout") -> tuple[str, ...]:
    """Return one line of Markdown for each input that people may set: name, form, range, default."""
    return tuple(_describe_input(layout, field) for field in layout.fields)


def summarize(fields: Iterable[Field], values: Mapping[str, Any], *, prompt: str | None) -> str:
    """Return “seed 42 · steps 30”: the values that differ from the defaults, without the prompt and files.

    In English, as the names of the inputs are.
    """
    parts: list[str] = []
    for field in fields:
        value = values.get(field.name)
        is_default = value in (None, "", []) or value == field.default
        is_private = is_secret_name(field.name) or contains_private_url(value)
        is_shown = field.name != prompt and not field.accepts_files and not is_private
        if not is_default and is_shown:
            parts.append(_summarize_value(field, value))
    return _join_fitting(parts)


def _format_form(field: Field) -> str:
    if field.kind in (FieldKind.STRINGS, FieldKind.NUMBERS):
        return _("separated by commas")
    return "JSON" if field.kind is FieldKind.JSON else ""


def _describe_input(layout: "OptionLayout", field: Field) -> str:
    has_option = any(option.field == field.name for option in layout.options)
    parts = [
        f"`{layout.names[field.name]}`",
        _describe_kind(field),
        _("required") if field.name in layout.required else "",
        format_range(field),
        format_default(field, layout.defaults.get(field.name, field.default)),
        "" if has_option else _("only in `{advanced}`").format(advanced=layout.advanced),
        _("deprecated") if field.deprecated else "",
    ]
    return join_facts(*parts)


def _describe_kind(field: Field) -> str:
    if field.kind is FieldKind.FILE:
        return describe_types(field.accepts)
    if field.choices:
        listed = ", ".join(format_value(choice) for choice in field.choices[:_LISTED_CHOICES])
        return (
            listed
            if len(field.choices) <= _LISTED_CHOICES
            else _("one of {count}: {listed}, …").format(count=len(field.choices), listed=listed)
        )
    return describe_kind(field.kind)


def describe_kind(kind: FieldKind) -> str:
    """Return what a value is, in words."""
    return retranslate(_KINDS[kind])


def _summarize_value(field: Field, value: Any) -> str:
    name = humanize_key(field.name).lower()
    if field.kind is FieldKind.BOOLEAN:
        return f"{name} {'on' if value else 'off'}"
    if field.kind is FieldKind.JSON and isinstance(value, dict | list):
        return f"{name} set"
    count = _COUNT_NAME.fullmatch(field.name.lower())
    if count and field.kind is FieldKind.INTEGER:
        return _format_count(value, count["what"].replace("_", " "))
    return f"{name} {format_value(value)}"


def _format_count(number: int, what: str) -> str:
    """Return “5 outputs”, “1 output”, “2 images per pose”."""
    if number != 1:
        return f"{number} {what}"
    first, _space, rest = what.partition(" ")
    singular = first[:-1] if first.endswith("s") and not first.endswith("ss") else first
    return f"1 {singular} {rest}".rstrip()


def _join_fitting(parts: list[str]) -> str:
    """Join the parts that fit and count the others."""
    for kept in range(len(parts), 0, -1):
        more = [f"{len(parts) - kept} more"] if kept < len(parts) else []
        line = SEPARATOR.join([*parts[:kept], *more])
        if len(line) <= _SUMMARY_CHARS:
            return line
    return truncate(parts[0], _SUMMARY_CHARS) if parts else ""
