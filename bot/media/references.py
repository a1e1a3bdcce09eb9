"""References to a run's files: its input holds each uploaded file as ``file:<n>``, an index into the run's files."""

import re
from collections.abc import Mapping
from typing import Any, Final

_REFERENCE: Final = re.compile(r"file:(\d+)")


def format_reference(index: int) -> str:
    return f"file:{index}"


def parse_reference(value: Any) -> int | None:
    """Return the index if the value is a reference to a file."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match is not None else None


def find_references(value: Any) -> frozenset[int]:
    """Return the indexes of all references in a JSON value, at any depth."""
    index = parse_reference(value)
    if index is not None:
        return frozenset({index})
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return frozenset().union(*map(find_references, parts))
