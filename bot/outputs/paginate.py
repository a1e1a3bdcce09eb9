"""Sheets: a run's parts dealt onto messages, none over what Discord takes.

A sheet is what one message shows of the output. Parts keep their order. Sheets only grow at their end: when text
is added to the last part, or parts are added, no earlier text moves to another sheet.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from bot.limits import ATTACHMENTS_PER_MESSAGE, COMPONENTS_PER_MESSAGE, GALLERY_ITEMS, GALLERY_MIME_TYPES
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem

FENCE: Final = "```"  # Discord opens and closes a code block wherever this stands
_FENCES: Final = re.compile(FENCE)
_BACKTICKS: Final = re.compile("`+")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+.#-]{1,30}(?=\n)")
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n+")
_LINES: Final = re.compile(r"\n")
_BLANKS: Final = re.compile(r"\s+")
_SENTENCES: Final = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？；]")
# After blanks, and after the letters of scripts that are written without any.
_WORDS: Final = re.compile(r"\s+|[\u3001-\u30ff\u3400-\u9fff\uff01-\uff5e](?![。，、！？；：）」』】])")
_TAIL: Final = 0.95
_UNCLOSED_LINK: Final = re.compile(r"!?\[[^\[\]\n]*(?:\](?:\([^)\n]*)?)?\Z")
_UNCLOSED_ADDRESS: Final = re.compile(r"<[^<>\s]*\Z")
_WIDE: Final = re.compile("[\U00010000-\U0010ffff]")  # two UTF-16 units each
_ZWJ: Final = "\u200d"
_MARKS: Final = frozenset({"Mn", "Mc", "Me"})
_VIRAMA: Final = 9  # the combining class that ties an Indic consonant to the next


def reach(text: str, start: int, units: int) -> int:
    """Return how far from ``start`` the text goes in so many UTF-16 units, the larger of the ways to count."""
    window = text[start : start + units]
    if window.isascii() or not _WIDE.search(window):
        return start + len(window)
    fitting = window.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "surrogatepass")
    size = len(fitting)
    return start + (size if fitting[-1] == window[size - 1] else size - 1)  # the last was cut in half


def block_after(text: str, block: str | None) -> str | None:
    """Return the language of the code block that is open after the text ("" for none named), or None.

    ``block`` is the same for the place where the text begins.
    """
    for fence in _FENCES.finditer(text):
        if block is not None:
            block = None
        else:
            language = _LANGUAGE.match(text, fence.end())
            block = language[0] if language else ""
    return block


def best_cut(window: str, *, inside: bool) -> int:
    """Return where to cut, from 1 to ``len(window) - 1``; the window's last character belongs to what follows.

    ``inside``: the window begins in a code block.
    """
    return _CutWindow(window, inside=inside).cut()


def best_cut_in_code(window: str) -> int:
    """Return where to cut text that is code all through, as ``best_cut``."""
    return _CutWindow(window, inside=False, fences=False).cut_code()


class _CutWindow:
    """One stretch of text that has to be cut somewhere."""

    def __init__(self, text: str, *, inside: bool, fences: bool = True) -> None:
        self._text = text
        self._limit = len(text) - 1
        self._indent = len(text) - len(text.lstrip())  # a slice of nothing but blanks cannot be shown
        self._fences = [fence.start() for fence in _FENCES.finditer(text)] if fences else []
        self._ends = [start + len(FENCE) for start in self._fences]
        self._begins_inside = inside

    def cut(self) -> int:
        if self._inside(self._limit):
            found = self._before_block() or self._in_code() or self._outside()
        else:
            found = self._outside() or self._in_code()
        return found or self._between_words() or self._between_characters()

    def cut_code(self) -> int:
        for pattern, floor in ((_LINES, 0.25), (_BLANKS, 0.25)):
            for place in self._places(pattern, floor):
                return place
        return self._between_characters()

    def _inside(self, place: int) -> bool:
        return (bisect_right(self._ends, place) + self._begins_inside) % 2 == 1

    def _places(self, pattern: re.Pattern[str], floor: float) -> Iterator[int]:
        """Yield the ends of the pattern's matches, the last first, down to a share of the window."""
        limit = self._limit
        for match in reversed(list(pattern.finditer(self._text, int(floor * limit)))):
            place = min(match.end(), limit)
            is_whole = match.start() < limit or self._text[limit].isspace()
            if place > self._indent and is_whole and not is_glued(self._text, place):
                yield place

    def _words(self) -> Iterator[int]:
        """Yield the ends of words, the last first; the end of the window is looked at before all the rest."""
        before = self._limit + 1
        for place in self._places(_WORDS, _TAIL):
            yield place
            before = place
        yield from (place for place in self._places(_WORDS, 0) if place < before)

    def _before_block(self) -> int | None:
        """Cut before a code block that opened late: it may be whole on the next sheet."""
        opened = bisect_right(self._ends, self._limit) - 1
        if opened < 0:
            return None
        line = self._line_start(self._fences[opened])
        return line if line >= self._limit // 2 and not self._inside(line) else None

    def _in_code(self) -> int | None:
        """Cut after a line of code, but not so that an empty block is left on either side."""
        for place in self._places(_LINES, 0.25):
            line = self._text[self._line_start(place - 1) : place]
            follows = self._text[place : place + 20].lstrip(" \t")
            if (
                self._text[place - 1] == "\n"
                and self._inside(place)
                and FENCE not in line
                and not follows.startswith("`")
            ):
                return place
        return None

    def _outside(self) -> int | None:
        """Cut after a paragraph, a line that is no heading, or a sentence."""
        for pattern, floor in ((_PARAGRAPHS, 0.6), (_LINES, 0.25)):
            for place in self._places(pattern, floor):
                above = self._text[:place].rstrip()
                heading = above[self._line_start(len(above)) :].startswith("#")
                if not self._inside(place) and not heading:
                    return place
        for place in self._places(_SENTENCES, 0.5):
            if not self._inside(place) and self._unfinished(place) == place:
                return place
        return None

    def _between_words(self) -> int | None:
        """Cut after a word, and before whatever inline code or link would be torn by it."""
        last, bound = None, self._limit
        for place in self._words():
            if last is None:
                last = place
            if place > bound:
                continue
            if place < self._limit * 0.3:
                break
            if self._inside(place):
                return place
            opener = self._unfinished(place)
            if opener == place:
                return place
            bound = opener
        return last

    def _between_characters(self) -> int:
        for place in range(self._limit, 0, -1):
            if not is_glued(self._text, place):
                return place
        return self._limit

    def _line_start(self, place: int) -> int:
        return self._text.rfind("\n", 0, place) + 1

    def _unfinished(self, place: int) -> int:
        """Return where inline code, a link or bold that is still open at ``place`` began, else ``place``."""
        start = self._line_start(place)
        line = self._text[start:place]
        opened: re.Match[str] | None = None
        for run in _BACKTICKS.finditer(line):
            if opened is None:
                opened = run
            elif len(run[0]) == len(opened[0]):
                opened = None
        begins = [place]
        if opened is not None:
            begins.append(start + opened.start())
        if line.count("**") % 2:
            begins.append(start + line.rfind("**"))
        for opener, pattern in (("[", _UNCLOSED_LINK), ("<", _UNCLOSED_ADDRESS)):
            at = line.rfind(opener)
            if at >= 0 and pattern.match(line, at):
                begins.append(start + at)
        return min(begins)


def is_glued(text: str, place: int) -> bool:
    """Whether what stands before and after ``place`` is one character to a reader, or one mark."""
    before, after = text[place - 1], text[place]
    if before == after == "`" or (before, after) == ("\r", "\n"):
        return True
    if _ZWJ in (before, after) or unicodedata.category(after) in _MARKS:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones, flag tags
        return True
    if _is_regional(before) and _is_regional(after):
        first = place
        while first > 0 and _is_regional(text[first - 1]):
            first -= 1
        return (place - first) % 2 == 1
    if "\u1100" <= before <= "\u11ff" and "\u1100" <= after <= "\u11ff":  # the parts of a Korean syllable
        return True
    return unicodedata.combining(before) == _VIRAMA


def _is_regional(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


MIN_CHUNK_CHARS: Final = 80  # characters; enough for a reopened code block and some words

_CLOSING: Final = f"\n{FENCE}"
_INDENT: Final = re.compile(r"\S")
_DEEPEST_INDENT: Final = 16  # blanks before a line that are kept when a slice begins with it
_NOT_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9_+.#-]")
_THREE_TICKS: Final = re.compile("``(?=`)")
_BREAK: Final = "``\u200b"  # shows as two backticks and ends no code block


@dataclass(frozen=True, slots=True)
class TextSlice:
    """A piece of a text: ``source`` as it was written, ``shown`` as it stands alone."""

    shown: str
    source: str


def split_markdown(text: str, *, first: int, room: int) -> tuple[TextSlice, ...]:
    """Split Markdown into slices of at most ``first``, then ``room`` characters; () for a blank text.

    A code block that is cut is closed and reopened with its language. Sources joined give the text. When the text
    grows at its end, no slice but the last changes what it shows.
    """
    slices: list[TextSlice] = []
    start, block = 0, None
    while start < len(text):
        begin = start if block is not None else _first_word(text, start)
        if begin == len(text):
            break
        opening = "" if block is None else f"{FENCE}{block}\n"
        # The fence's room is always kept, needed or not: a slice that was cut must never fit again later.
        end = reach(text, begin, (room if slices else first) - len(opening) - len(_CLOSING))
        if end < len(text):
            end = begin + best_cut(text[begin : end + 1], inside=block is not None)
        body = text[begin:end]
        block = block_after(body, block)
        slices.append(TextSlice(opening + body.rstrip() + ("" if block is None else _CLOSING), text[start:end]))
        start = end
    if slices and start < len(text):
        slices[-1] = TextSlice(slices[-1].shown, slices[-1].source + text[start:])
    return tuple(slices)


def split_code(text: str, language: str, *, first: int, room: int) -> tuple[TextSlice, ...]:
    """Split text that is to be shown as code, each slice in a block of its own; as ``split_markdown`` else."""
    slices: list[TextSlice] = []
    opening = f"{FENCE}{_NOT_LANGUAGE.sub('', language)[:30]}\n"
    start = 0
    while start < len(text):
        units = (room if slices else first) - len(opening) - len(_CLOSING)
        end = reach(text, start, units)
        breaks = len(_THREE_TICKS.findall(text, start, end))
        if end < len(text) or reach(text, start, units - breaks) < end:
            end = max(start + 1, reach(text, start, units - breaks))
            end = start + best_cut_in_code(text[start : end + 1])
        body = text[start:end]
        slices.append(TextSlice(opening + _THREE_TICKS.sub(_BREAK, body) + _CLOSING, body))
        start = end
    return tuple(slices)


def _first_word(text: str, start: int) -> int:
    """Return where the first line with anything on it begins; the end of the text if there is none."""
    word = _INDENT.search(text, start)
    if word is None:
        return len(text)
    line = max(start, text.rfind("\n", start, word.start()) + 1)
    return line if word.start() - line <= _DEEPEST_INDENT else word.start()


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
    if chars < MIN_CHUNK_CHARS:
        raise ValueError(f"a sheet needs room for {MIN_CHUNK_CHARS} characters, not {chars}")
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
