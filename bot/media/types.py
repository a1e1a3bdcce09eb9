"""Media: bytes with a name and a type that was told from the bytes."""

from dataclasses import dataclass, field
from enum import StrEnum


class MediaKind(StrEnum):
    """What a person would call it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "file"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type as the bytes tell it.

    ``mime`` is the registered name ("image/webp"), ``suffix`` the usual file ending with its dot (".webp").
    """

    mime: str
    suffix: str
    kind: MediaKind


@dataclass(frozen=True, slots=True)
class Media:
    """Some bytes, their type and the name a person knows them by."""

    name: str
    type: MediaType
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.data)
