"""Long things made short enough to look at."""

from collections.abc import Mapping
from typing import Any

CHARS = 240
ITEMS = 40


def trim(value: Any, chars: int = CHARS) -> Any:
    """Return JSON with long texts and lists cut, and whole numbers that JavaScript would round as text."""
    if isinstance(value, str):
        return value if len(value) <= chars else f"{value[:chars]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {str(key): trim(one, chars) for key, one in value.items()}
    if isinstance(value, list | tuple):
        cut = [trim(one, chars) for one in value[:ITEMS]]
        return cut if len(value) <= ITEMS else [*cut, f"… ({len(value):,} items)"]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    return value
