"""Parts: what a run made, in the order in which it is shown."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.media.types import MediaType


@dataclass(frozen=True, slots=True)
class TextItem:
    """Words, as Markdown. ``language`` set: to be shown as a code block in it ("json").

    On a sheet, ``text`` is ready to be shown: code blocks stand in their fences and ``language`` is None.
    ``source`` is then the piece of the model's own words that it shows, where the two differ, and ``continued``
    says that it goes on with the text before it. Two texts that look the same are equal.
    """

    text: str
    language: str | None = None
    source: str | None = field(default=None, compare=False, repr=False)
    continued: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class FileItem:
    """A file that lies on our disk, ready to be uploaded to Discord.

    ``name`` is unique within its run and the same after every restart ("generate-03.webp"): the live message
    recognises by it what Discord already has. ``size`` is in bytes. ``note`` says what was changed, if anything
    ("made smaller to fit here").
    """

    name: str
    path: Path
    type: MediaType
    size: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LinkItem:
    """A file that is not uploaded: where it lies, why, and until when it can be had.

    ``url`` is empty when there is no address to give: the file came inline, or its address is not one for people.
    ``reason`` is a sentence.
    """

    label: str
    url: str = field(repr=False)
    reason: str
    expires_at: datetime | None = None


OutputItem = TextItem | FileItem | LinkItem
