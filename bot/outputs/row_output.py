"""What of an output goes into its run's row: all of it if it is small, else its shape with the long parts cut.

The row is kept for weeks, and read whole by every query; a model may return 60 MB. Until the run is delivered the rest
is in the spool.
"""

from collections.abc import Mapping
from typing import Any, Final

from bot.formatting import ELLIPSIS
from bot.large_json import LargeJson
from bot.limits import ROW_ITEMS, ROW_OUTPUT_CHARS

_CHARS_PER_VALUE: Final = 4  # of a number or a bracket, about


def fit_into_row(value: Any) -> tuple[Any, bool]:
    """Return the JSON value as the row can hold it, and whether that is all of it."""
    if _measure(value, ROW_OUTPUT_CHARS) <= ROW_OUTPUT_CHARS:
        return value, True
    return _Cutter(ROW_OUTPUT_CHARS).cut(value), False


def _measure(value: Any, limit: int) -> int:
    """Return about how many characters the value has as JSON; more than ``limit`` if it is more, or has LargeJson."""
    if isinstance(value, LargeJson):
        return limit + 1
    if isinstance(value, str):
        return len(value) + _CHARS_PER_VALUE
    if not isinstance(value, list | Mapping):
        return _CHARS_PER_VALUE if not isinstance(value, int) else max(_CHARS_PER_VALUE, value.bit_length() // 3)
    size = _CHARS_PER_VALUE
    for item in value:
        size += _measure(item, limit - size)
        if isinstance(value, Mapping):
            size += _measure(value[item], limit - size)
        if size > limit:
            break
    return size


class _Cutter:
    """Cuts values until they fit, and says in their place how much there was."""

    def __init__(self, room: int) -> None:
        self._room = room

    def cut(self, value: Any) -> Any:
        if isinstance(value, LargeJson):
            return self._cut_text(value.text)
        if isinstance(value, str):
            return self._cut_text(value)
        if isinstance(value, Mapping):
            shown = {str(self._cut_text(str(name))): self.cut(value[name]) for name in self._first(value)}
            return shown | ({ELLIPSIS: f"{len(value)} members in all"} if len(shown) < len(value) else {})
        if isinstance(value, list):
            items = [self.cut(item) for item in self._first(value)]
            return [*items, f"{ELLIPSIS} ({len(value)} items in all)"] if len(items) < len(value) else items
        self._room -= _measure(value, self._room)
        return value

    def _first(self, value: Any) -> list[Any]:
        kept: list[Any] = []
        for item in value:
            if len(kept) >= ROW_ITEMS or self._room <= 0:
                break
            self._room -= _CHARS_PER_VALUE
            kept.append(item)
        return kept

    def _cut_text(self, text: str) -> str:
        kept = text[: max(0, self._room)]
        self._room -= len(kept)
        return text if len(kept) == len(text) else f"{kept}{ELLIPSIS} ({len(text)} characters in all)"
