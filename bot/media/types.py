"""Media: bytes with a name and a detected type, and references to a run's files in its input."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class MediaKind(StrEnum):
    """The kind of a file, in the word people use."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "file"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type. ``mime`` is its registered name ("image/webp"), ``suffix`` the usual ending with a dot (".webp")."""

    mime: str
    suffix: str
    kind: MediaKind


@dataclass(frozen=True, slots=True)
class Media:
    """A file in memory. ``type`` is detected from ``data``."""

    name: str
    type: MediaType
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)


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
