"""JSON laid out for people: short lists stay on one line, long lists of numbers fill their lines.

The time is linear in the size of the value.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from bot.large_json import LargeJson, load

_WIDTH: Final = 100
_INDENT: Final = "  "
_MAX_DEPTH: Final = 40  # deeper values stay on one line


def format_json(value: Any) -> str:
    """Return the value, which may contain LargeJson, as JSON text that parses to the same value."""
    return "".join(_format(value, 0))


def encode_json_file(value: Any) -> bytes:
    """Return the bytes of a file with the value laid out. For a worker process: it may take seconds."""
    return format_json(value).encode("utf-8", "replace")


def _format(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, LargeJson):
        yield from _format_large(value, depth)
        return
    if depth >= _MAX_DEPTH or not isinstance(value, dict | list) or not value:
        yield json.dumps(value, ensure_ascii=False)
        return
    one_line = _format_on_one_line(value, _WIDTH - depth * len(_INDENT))
    if one_line is not None:
        yield one_line
        return
    inner, outer = "\n" + _INDENT * (depth + 1), "\n" + _INDENT * depth
    if isinstance(value, dict):
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(str(key), ensure_ascii=False)}: "
            yield from _format(item, depth + 1)
        yield outer + "}"
    elif any(isinstance(item, dict | list | str | LargeJson) for item in value):
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _format(item, depth + 1)
        yield outer + "]"
    else:
        yield f"[{inner}{_fill_lines(value).replace(chr(10), inner)}{outer}]"


def _format_large(value: LargeJson, depth: int) -> Iterator[str]:
    """Yield the layout of the value, or its text as it is if it is too deep for a layout."""
    try:
        yield "".join(_format(load(value.text), depth))
    except RecursionError:
        yield value.text


def _format_on_one_line(value: Any, room: int) -> str | None:
    """Return the value on one line of at most ``room`` characters, or None; it looks at no more than that."""
    if isinstance(value, LargeJson):
        return None
    if not isinstance(value, dict | list):
        if isinstance(value, str) and len(value) > room:
            return None
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= room else None
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    parts: list[str] = []
    left = room - 2
    for item in value:
        name = f"{json.dumps(str(item), ensure_ascii=False)}: " if isinstance(value, dict) else ""
        left -= len(name) + (2 if parts else 0)
        part = _format_on_one_line(value[item] if isinstance(value, dict) else item, left) if left > 0 else None
        if part is None:
            return None
        left -= len(part)
        parts.append(name + part)
    return f"{opening}{', '.join(parts)}{closing}" if left >= 0 else None


def _fill_lines(numbers: list[Any]) -> str:
    """Return comma-separated numbers, as many on a line as fit."""
    lines, line = [], ""
    for number in map(json.dumps, numbers):
        if line and len(line) + len(number) + 2 > _WIDTH:
            lines.append(line + ",")
            line = number
        else:
            line = f"{line}, {number}" if line else number
    return "\n".join([*lines, line])
