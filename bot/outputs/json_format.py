"""JSON laid out for people: short lists stay on one line, long lists of numbers fill their lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

_WIDTH: Final = 100
_INDENT: Final = "  "
_MAX_DEPTH: Final = 40  # deeper values stay on one line, or are left out
_OMITTED: Final = '"…"'


def format_json(value: Any) -> str:
    """Return the value as JSON text that parses to the same value."""
    return "".join(_format(value, 0))


def _format(value: Any, depth: int) -> Iterator[str]:
    one_line = _format_on_one_line(value)
    if one_line is not None and (depth >= _MAX_DEPTH or len(one_line) + depth * len(_INDENT) <= _WIDTH):
        yield one_line
        return
    if depth >= _MAX_DEPTH:
        yield _OMITTED
        return
    inner, outer = "\n" + _INDENT * (depth + 1), "\n" + _INDENT * depth
    if isinstance(value, dict) and value:
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(str(key), ensure_ascii=False)}: "
            yield from _format(item, depth + 1)
        yield outer + "}"
    elif isinstance(value, list) and value:
        if not any(isinstance(item, (dict, list, str)) for item in value):
            yield f"[{inner}{_fill_lines(value).replace(chr(10), inner)}{outer}]"
            return
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _format(item, depth + 1)
        yield outer + "]"
    else:
        yield one_line or _OMITTED


def _format_on_one_line(value: Any) -> str | None:
    """Return the value on one line, or None if it is nested too deep for that or is not JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return None


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
