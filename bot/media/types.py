"""Media: a file's bytes with their name and type."""

from dataclasses import dataclass, field
from enum import StrEnum


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
