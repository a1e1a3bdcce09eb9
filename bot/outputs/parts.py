"""Parts: what a run made, in the order in which it is shown."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.media.media import MediaType


@dataclass(frozen=True, slots=True)
class Text:
    """Words, as Markdown. ``language`` set: shown as a code block in it ("json")."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file that lies on our disk, ready to be uploaded to Discord.

    ``name`` is unique within its run and the same after every restart ("generate-03.webp"): the live message
    recognises by it what Discord already has. ``size`` is in bytes. ``note`` says what was changed, if anything
    ("made smaller to fit this server").
    """

    name: str
    path: Path
    type: MediaType
    size: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A file that is not uploaded: where it lies, why, and until when it can be had."""

    label: str
    url: str
    reason: str
    expires_at: datetime | None = None


Part = Text | File | Link
