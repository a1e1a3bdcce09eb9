"""Summary: the small line of inputs that differ from the model's defaults, in people's words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.inputs.fields import Field, FieldKind
from bot.inputs.words import cut, say, say_value

_COUNTED: Final = re.compile(r"(?:number_of|num|n)_(?P<what>[a-z_]+)")
_PRIVATE: Final = re.compile(r"(api|access|auth|secret|hf|private)_?(key|token)|password|^token$")
_CHARS: Final = 200
_SEPARATOR: Final = " · "


def summarise(fields: Iterable[Field], given: Mapping[str, Any], *, prompt: str | None) -> str:
    """Return “seed 42 · 5 outputs”: what was given and differs from the default, but for the prompt and files."""
    parts = [
        _part(field, given[field.name])
        for field in fields
        if field.name in given and field.name != prompt and _worth_saying(field, given[field.name])
    ]
    return _join(parts)


def is_private(name: str) -> bool:
    """Whether an input's name says that its value is nobody else's business, though its schema does not."""
    return _PRIVATE.search(name.lower()) is not None


def _worth_saying(field: Field, value: Any) -> bool:
    return (
        value not in (None, "", []) and value != field.default and not field.holds_files and not is_private(field.name)
    )


def _part(field: Field, value: Any) -> str:
    name = say(field.name).lower()
    if field.kind is FieldKind.BOOLEAN:
        return f"{name} {'on' if value else 'off'}"
    if field.kind is FieldKind.JSON and isinstance(value, dict | list):
        return f"{name} set"
    counted = _COUNTED.fullmatch(field.name.lower())
    if counted and field.kind is FieldKind.INTEGER:
        return _count(value, counted["what"].replace("_", " "))
    return f"{name} {say_value(value)}"


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
    return cut(parts[0], _CHARS) if parts else ""
