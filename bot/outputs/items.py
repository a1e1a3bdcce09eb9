"""The items of a run's output, in the order in which they are shown."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.limits import GALLERY_MIME_TYPES
from bot.media.types import MediaKind, MediaType


@dataclass(frozen=True, slots=True)
class TextItem:
    """Markdown text, or code if ``language`` is set ("json").

    In a MessageChunk ``text`` is ready to be shown: code has its fences, and ``language`` is None.
    """

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class FileItem:
    """A file on the bot's disk or in memory, ready to be uploaded to Discord.

    ``name`` ("generate-03.webp") is unique within the run and the same after a restart: the reply recognizes by it
    which files Discord already has. ``source`` is its path or its content. ``size`` is in bytes. ``note`` says how the
    file was changed, if it was. ``url`` is where people can download it until ``expires_at``, empty if nowhere.
    ``number`` is its place among the files that the model returned, from 1; 0 if it has none.
    """

    name: str
    source: Path | bytes = field(repr=False)
    type: MediaType
    size: int
    note: str | None = None
    url: str = field(default="", repr=False)
    expires_at: datetime | None = None
    number: int = 0

    @property
    def fits_gallery(self) -> bool:
        """Whether Discord's clients draw it in a gallery."""
        return self.type.mime in GALLERY_MIME_TYPES

    @property
    def is_audio(self) -> bool:
        """Whether Discord's clients draw a player for it, but only as an ordinary attachment, that no component shows.

        A File component is a row to download, whatever is in it.
        """
        return self.type.kind is MediaKind.AUDIO

    @property
    def is_shown_image(self) -> bool:
        """Whether it is a picture that people see in the message."""
        return self.fits_gallery and self.type.kind is MediaKind.IMAGE


@dataclass(frozen=True, slots=True)
class LinkItem:
    """A file that is not uploaded: its URL, the reason, and how long it is available.

    ``url`` is empty if there is none to show: the file was inline, or its address is not for people. ``reason`` is a
    sentence. ``passing``: the bot's own disk was full, so another attempt may succeed.
    """

    label: str
    url: str = field(repr=False)
    reason: str
    expires_at: datetime | None = None
    passing: bool = False


@dataclass(frozen=True, slots=True)
class RemainderItem:
    """The end of a text that has no space in messages: its length while it grows, one file at the end.

    ``text`` is Markdown; a code block that is cut is opened again.
    """

    text: str = field(repr=False)


OutputItem = TextItem | FileItem | LinkItem
