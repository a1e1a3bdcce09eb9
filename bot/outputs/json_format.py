"""JSON, laid out for people: short lists stay on one line, long lists of numbers fill their lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

_WIDTH: Final = 100
_INDENT: Final = "  "
_DEEPEST: Final = 40  # levels that are laid out; what lies deeper stays on one line, or is left out


def format_json(value: Any) -> str:
    """Return the value as JSON text that reads back to the same value."""
    return "".join(_lines(value, 0))


def _lines(value: Any, depth: int) -> Iterator[str]:
    flat = _flat(value)
    if flat is not None and (depth >= _DEEPEST or len(flat) + depth * len(_INDENT) <= _WIDTH):
        yield flat
        return
    if depth >= _DEEPEST:
        yield '"…"'  # no reader follows this far
        return
    inner, outer = "\n" + _INDENT * (depth + 1), "\n" + _INDENT * depth
    if isinstance(value, dict) and value:
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{inner}{json.dumps(str(key), ensure_ascii=False)}: "
            yield from _lines(item, depth + 1)
        yield outer + "}"
    elif isinstance(value, list) and value:
        if not any(isinstance(item, (dict, list, str)) for item in value):
            yield f"[{inner}{_filled(value).replace(chr(10), inner)}{outer}]"
            return
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _lines(item, depth + 1)
        yield outer + "]"
    else:
        yield flat or '"…"'


def _flat(value: Any) -> str | None:
    """Return the value on one line, or None when it is nested too deep for that or no JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return None


def _filled(numbers: list[Any]) -> str:
    """Return the numbers, separated, as many on a line as it holds."""
    lines, line = [], ""
    for number in map(json.dumps, numbers):
        if line and len(line) + len(number) + 2 > _WIDTH:
            lines.append(line + ",")
            line = number
        else:
            line = f"{line}, {number}" if line else number
    return "\n".join([*lines, line])
