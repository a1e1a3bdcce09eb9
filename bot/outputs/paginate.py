"""Sheets: a run's parts dealt onto messages, none over what Discord takes.

A sheet is what one message shows of the output. Parts keep their order. Sheets only grow at their end: when text
is added to the last part, or parts are added, no earlier text moves to another sheet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from bot.limits import ATTACHMENTS_PER_MESSAGE, COMPONENTS_PER_MESSAGE, GALLERY_ITEMS, GALLERY_MIME_TYPES
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.split_text import SMALLEST_ROOM, split_code, split_markdown

# The card keeps these for itself: container, heading, prompt with thumbnail, status, separators, buttons.
_CARD_COMPONENTS: Final = 16
_WORTHWHILE: Final = 200  # characters; a text does not begin in less room than this at the foot of a sheet
_LINK_WORDS: Final = 60  # what a link's line has besides its label, address and reason: marks and the hour
_NOTE_WORDS: Final = 10  # likewise for a remark on a file


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """The parts that one message shows. Texts are ready to be shown: ``TextItem.language`` is None on a sheet."""

    parts: tuple[OutputItem, ...] = ()

    @property
    def files(self) -> tuple[FileItem, ...]:
        """The files to upload, in their order."""
        return tuple(part for part in self.parts if isinstance(part, FileItem))

    @property
    def components(self) -> int:
        """How many components show the parts: one for words and links in a row, one for each ten pictures in a row."""
        total = 0
        for shown, group in groupby(self.parts, key=_shown_as):
            size = sum(1 for _ in group)
            total += {"words": 1, "gallery": -(-size // GALLERY_ITEMS), "file": size}[shown]
        return total


def _shown_as(part: OutputItem) -> str:
    if not isinstance(part, FileItem):
        return "words"
    return "gallery" if part.type.mime in GALLERY_MIME_TYPES else "file"


def paginate(
    parts: Iterable[OutputItem], *, first_chars: int, chars: int, files: int = ATTACHMENTS_PER_MESSAGE
) -> tuple[MessageChunk, ...]:
    """Deal parts onto sheets: the first has ``first_chars`` characters of room, each further one ``chars``.

    There is always a first sheet; it is empty when nothing is there or fits. Characters are counted in UTF-16
    units, the larger of the ways to count. ``chars`` is at least ``SMALLEST_ROOM``. For text to stay where it is
    as it grows, both must stay the same.
    """
    if chars < SMALLEST_ROOM:
        raise ValueError(f"a sheet needs room for {SMALLEST_ROOM} characters, not {chars}")
    dealer = _Paginator(first_chars=first_chars, chars=chars, files=min(files, ATTACHMENTS_PER_MESSAGE))
    for part in parts:
        if isinstance(part, TextItem):
            dealer.text(part)
        else:
            dealer.other(part)
    return tuple(MessageChunk(tuple(sheet)) for sheet in dealer.sheets)


def rejoin(dealt: Sequence[MessageChunk]) -> tuple[OutputItem, ...]:
    """Return the parts that the sheets were made from, but for texts that were blank and languages."""
    parts: list[OutputItem] = []
    for part in (part for sheet in dealt for part in sheet.parts):
        if not isinstance(part, TextItem):
            parts.append(part)
            continue
        source = part.text if part.source is None else part.source
        last = parts[-1] if parts else None
        if part.continued and isinstance(last, TextItem):
            parts[-1] = replace(last, text=last.text + source)
        else:
            parts.append(TextItem(source))
    return tuple(parts)


class _Paginator:
    """Fills one sheet after the other."""

    def __init__(self, *, first_chars: int, chars: int, files: int) -> None:
        self.sheets: list[list[OutputItem]] = [[]]
        self._room = first_chars
        self._chars = chars
        self._files = files

    def text(self, part: TextItem) -> None:
        """Add a text, over as many sheets as it needs."""
        if not part.text.strip():
            return
        if self._room < min(_WORTHWHILE, self._chars) or not self._takes_component(part):
            self._turn()
        if part.language is None:
            slices = split_markdown(part.text, first=self._room, room=self._chars)
        else:
            slices = split_code(part.text, part.language, first=self._room, room=self._chars)
        for number, piece in enumerate(slices):
            if number:
                self._turn()
            source = None if piece.source == piece.shown else piece.source
            self._put(TextItem(piece.shown, source=source, continued=number > 0), 1 + _units(piece.shown))

    def other(self, part: FileItem | LinkItem) -> None:
        """Add a file or link."""
        if isinstance(part, LinkItem):
            words = 1 + _units(part.label) + _units(part.url) + _units(part.reason) + _LINK_WORDS
            full = False
        else:
            words = _units(part.name) + _units(part.note) + _NOTE_WORDS if part.note else 0
            full = sum(isinstance(other, FileItem) for other in self.sheets[-1]) >= self._files
        if full or words > self._room or not self._takes_component(part):
            self._turn()
        self._put(part, words)

    def _takes_component(self, part: OutputItem) -> bool:
        room = COMPONENTS_PER_MESSAGE - _CARD_COMPONENTS
        return len(self.sheets[-1]) < room or MessageChunk((*self.sheets[-1], part)).components <= room

    def _put(self, part: OutputItem, words: int) -> None:
        self.sheets[-1].append(part)
        self._room -= words

    def _turn(self) -> None:
        """Begin a new sheet, unless the last is a further one that is still empty."""
        if self.sheets[-1] or len(self.sheets) == 1:
            self.sheets.append([])
            self._room = self._chars


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
