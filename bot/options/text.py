"""Descriptions, values and summaries of inputs as people read them, truncated to fit."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.formatting import truncate
from bot.options.fields import Field, FieldKind
from bot.secrets import is_secret_name

_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKDOWN: Final = re.compile(r"[`*]")
# Controls, marks of direction, and letters that are drawn as nothing.
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufeff\uffa0\U000e0000-\U000e007f]"
)
_VALUE_CHARS: Final = 32  # of a default in a description
_LEAST_TEXT: Final = 16  # characters of a description's own words that stay, whatever stands behind them


def single_line(text: str) -> str:
    """Return the text on one line, without characters that cannot be seen."""
    return " ".join(_UNSEEN.sub("", " ".join(text.split())).split())


def strip_markdown(text: str) -> str:
    """Return the text on one line, without Markdown or characters that cannot be seen."""
    return single_line(_MARKDOWN.sub("", _LINK.sub(r"\1", text)))


def join_description(text: str, tail: str, room: int) -> str:
    """Return “text · tail” in at most ``room`` characters; the text gives way first, and never wholly."""
    text = text.rstrip(" .")
    if not tail:
        return truncate(text, room)
    tail = truncate(tail, max(room - _LEAST_TEXT - 3, 1))
    return f"{truncate(text, room - len(tail) - 3)} · {tail}"


def humanize_key(name: str) -> str:
    """Return a key as words: “numberOfOutputs” and “number_of_outputs” are “number of outputs”."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return strip_markdown(re.sub(r"[_\-./\s]+", " ", spaced)).strip() or "input"


def format_value(value: Any, room: int = _VALUE_CHARS) -> str:
    """Return a value as it stands in a sentence; a text with spaces is quoted."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, list | tuple):
        value = ", ".join(str(each) for each in value)
    text = strip_markdown(str(value))
    short = truncate(text, room - 2)
    return f"“{short}”" if " " in text or not text else truncate(text, room)


def format_range(field: Field) -> str:
    """Return the range of a number: “1–20”, “at least 1”, or nothing."""
    low, high = field.minimum, field.maximum
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {format_value(low)}"
    if low is None:
        return f"at most {format_value(high)}"
    between = " to " if low < 0 else "–"
    return f"{format_value(low)}{between}{format_value(high)}"


def format_details(field: Field, default: Any) -> str:
    """Return what stands behind a description: the form, the range, the default."""
    parts = [_form(field), format_range(field)]
    if default not in (None, "", []) and not isinstance(default, dict) and not field.holds_files:
        parts.append(f"default {format_value(default)}")
    return ", ".join(part for part in parts if part)


def describe_field(field: Field, known: str | None) -> str:
    """Return what the input is, from its model, from what is ``known``, or from its name."""
    said = strip_markdown(field.description).strip(" .,:;…")
    named = strip_markdown(field.title) or humanize_key(field.name)
    # A title that Cog made of the key reads “Custom Sd Model”; ours reads “Custom sd model”.
    plain_name = humanize_key(field.name) if named.lower() == humanize_key(field.name).lower() else named
    words = said or known or plain_name
    return words[:1].upper() + words[1:]


def _form(field: Field) -> str:
    if field.kind in (FieldKind.STRINGS, FieldKind.NUMBERS):
        return "separated by commas"
    return "JSON" if field.kind is FieldKind.JSON else ""


_COUNTED: Final = re.compile(r"(?:number_of|num|n)_(?P<what>[a-z_]+)")
_CHARS: Final = 200
_SEPARATOR: Final = " · "


def summarize(fields: Iterable[Field], given: Mapping[str, Any], *, prompt: str | None) -> str:
    """Return “seed 42 · 5 outputs”: what was given and differs from the default, but for the prompt and files."""
    parts = [
        _part(field, given[field.name])
        for field in fields
        if field.name in given and field.name != prompt and _worth_saying(field, given[field.name])
    ]
    return _join(parts)


def _worth_saying(field: Field, value: Any) -> bool:
    return (
        value not in (None, "", [])
        and value != field.default
        and not field.holds_files
        and not is_secret_name(field.name)
    )


def _part(field: Field, value: Any) -> str:
    name = humanize_key(field.name).lower()
    if field.kind is FieldKind.BOOLEAN:
        return f"{name} {'on' if value else 'off'}"
    if field.kind is FieldKind.JSON and isinstance(value, dict | list):
        return f"{name} set"
    counted = _COUNTED.fullmatch(field.name.lower())
    if counted and field.kind is FieldKind.INTEGER:
        return _count(value, counted["what"].replace("_", " "))
    return f"{name} {format_value(value)}"


def _count(number: int, what: str) -> str:
    """Return “5 outputs”, “1 output”, “2 images per pose”."""
    if number != 1:
        return f"{number} {what}"
    first, _, rest = what.partition(" ")
    single = first[:-1] if first.endswith("s") and not first.endswith("ss") else first
    return f"1 {single} {rest}".rstrip()


def _join(parts: list[str]) -> str:
    """Join what fits on the line and count the rest."""
    for kept in range(len(parts), 0, -1):
        more = [f"{len(parts) - kept} more"] if kept < len(parts) else []
        line = _SEPARATOR.join([*parts[:kept], *more])
        if len(line) <= _CHARS:
            return line
    return truncate(parts[0], _CHARS) if parts else ""
