"""Divide a run's output among Discord messages, each within Discord's limits.

Items keep their order. Messages only grow at their end: when text is added to the last item, or items are added, no
earlier text moves to another message, so messages that were sent stay as they are. Text without end does not become
messages without end: after some of them, what is left is one :class:`RemainderItem`.
"""

import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Final

from bot.formatting import utf16_length
from bot.limits import ATTACHMENTS_PER_MESSAGE, COMPONENTS_PER_MESSAGE, GALLERY_ITEMS
from bot.outputs.items import FileItem, LinkItem, OutputItem, RemainderItem, TextItem

MIN_CHUNK_CHARS: Final = 80  # enough for a reopened code block and some words

# Components of the card around the output: container, heading, prompt with thumbnail, status, separators, buttons.
_CARD_COMPONENTS: Final = 16
_MIN_START_CHARS: Final = 200  # a text does not begin at the end of a message with less space than this
_LINK_EXTRA_CHARS: Final = 60  # of a link's line besides its label, URL and reason: markup and time
_NOTE_EXTRA_CHARS: Final = 10  # of a file's note: markup
_REMAINDER_CHARS: Final = 80  # of the line that stands for a remainder
_ABRIDGED: Final = "…"  # stands where a further text is cut

FENCE: Final = "```"  # starts and ends a code block wherever it is, in Discord's Markdown
_CLOSING: Final = f"\n{FENCE}"
_FENCES: Final = re.compile(FENCE)
_BACKTICKS: Final = re.compile("`+")
_THREE_BACKTICKS: Final = re.compile("``(?=`)")
_BROKEN_FENCE: Final = "``\u200b"  # looks like two backticks and ends no code block
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+.#-]{1,30}(?=\n)")
_NOT_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9_+.#-]")
_LANGUAGE_CHARS: Final = 30
_NON_BLANK: Final = re.compile(r"\S")
_MAX_INDENT: Final = 16  # blanks that are kept when a message begins with an indented line

_PARAGRAPH_ENDS: Final = re.compile(r"\n[ \t]*\n+")
_LINE_ENDS: Final = re.compile(r"\n")
_BLANKS: Final = re.compile(r"\s+")
_SENTENCE_ENDS: Final = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？；]")
# After blanks, and after the letters of scripts that are written without blanks.
_WORD_ENDS: Final = re.compile(r"\s+|[\u3001-\u30ff\u3400-\u9fff\uff01-\uff5e](?![。，、！？；：）」』】])")
# So many positions are examined for markup that would be torn; each costs up to a whole window. Without a bound, 400 kB
# of "<世`世" took 0.3 s for five messages, and take 3 ms with it.
_MARKUP_CHECKS: Final = 40
_WORD_SEARCH_START: Final = 0.95  # share of the window where the search for the end of a word begins
_UNCLOSED_LINK: Final = re.compile(r"!?\[[^\[\]\n]*(?:\](?:\([^)\n]*)?)?\Z")
_UNCLOSED_AUTOLINK: Final = re.compile(r"<[^<>\s]*\Z")
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")  # two UTF-16 units each
_ZERO_WIDTH_JOINER: Final = "\u200d"
_COMBINING_CATEGORIES: Final = frozenset({"Mn", "Mc", "Me"})
_VIRAMA: Final = 9  # combining class of the sign that joins an Indic consonant to the next


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """The items of one message. Texts are ready to be shown: ``TextItem.language`` is None."""

    items: tuple[OutputItem | RemainderItem, ...] = ()

    @property
    def files(self) -> tuple[FileItem, ...]:
        """The files to upload, in order."""
        return tuple(item for item in self.items if isinstance(item, FileItem))

    @property
    def components(self) -> int:
        """The number of components.

        One for texts and links in a row, one for every ten gallery files in a row, at most two for a remainder: its
        line and its file.
        """
        total = 0
        for kind, group in groupby(self.items, key=_component_kind):
            size = sum(1 for _ in group)
            total += {"text": 1, "gallery": -(-size // GALLERY_ITEMS), "file": size, "remainder": 2 * size}[kind]
        return total


def paginate(
    items: Iterable[OutputItem],
    *,
    first_chars: int,
    chars: int,
    files: int = ATTACHMENTS_PER_MESSAGE,
    text_messages: int = sys.maxsize,
) -> tuple[MessageChunk, ...]:
    """Divide items among messages: the first has space for ``first_chars`` characters, each further one for ``chars``.

    There is always a first chunk; it is empty if there is no output or not enough space. Characters are counted in
    UTF-16 units. ``chars`` must be at least ``MIN_CHUNK_CHARS``. Text begins no message after the first
    ``text_messages``; what has no space goes into one RemainderItem, which stands where the first text is cut and
    counts as a file of its message. These numbers must stay the same while an output grows, or text may move.
    """
    if chars < MIN_CHUNK_CHARS:
        raise ValueError(f"a message needs space for {MIN_CHUNK_CHARS} characters, not {chars}")
    paginator = _Paginator(
        first_chars=first_chars, chars=chars, files=min(files, ATTACHMENTS_PER_MESSAGE), text_messages=text_messages
    )
    for item in items:
        if isinstance(item, TextItem):
            paginator.add_text(item)
        else:
            paginator.add_file_or_link(item)
    return paginator.result()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a text, ready to be shown; what follows it begins at ``end`` of the text, after ``opening``."""

    text: str
    end: int
    opening: str = ""


def _split_markdown(text: str, *, first_chars: int, chars: int) -> Iterator[_Part]:
    """Yield parts of Markdown of at most ``first_chars``, then ``chars`` characters; nothing for a blank text.

    A code block that is split is closed and reopened with its language. When the text grows at its end, only the last
    part changes.
    """
    start, language, units = 0, None, first_chars
    while start < len(text):
        begin = start if language is not None else _next_content(text, start)
        if begin == len(text):
            break
        opening = _open(language)
        # The closing fence's space is always reserved: a part that was split must not fit again when the text grows.
        end = _advance(text, begin, units - len(opening) - len(_CLOSING))
        if end < len(text):
            end = begin + _SplitWindow(text[begin : end + 1], in_code=language is not None).find_split()
        body = text[begin:end]
        language = open_code_block(body, language)
        yield _Part(opening + body.rstrip() + ("" if language is None else _CLOSING), end, _open(language))
        start, units = end, chars


def _split_code(text: str, language: str, *, first_chars: int, chars: int) -> Iterator[_Part]:
    """Yield parts of code like ``_split_markdown``, each in a code block of its own."""
    opening = _open(_NOT_LANGUAGE.sub("", language)[:_LANGUAGE_CHARS])
    start, limit = 0, first_chars
    while start < len(text):
        units = limit - len(opening) - len(_CLOSING)
        end = _advance(text, start, units)
        breaks = len(_THREE_BACKTICKS.findall(text, start, end))
        if end < len(text) or _advance(text, start, units - breaks) < end:
            end = max(start + 1, _advance(text, start, units - breaks))
            window = _SplitWindow(text[start : end + 1], in_code=False, has_fences=False)
            end = start + window.find_split_in_code()
        yield _Part(opening + _THREE_BACKTICKS.sub(_BROKEN_FENCE, text[start:end]) + _CLOSING, end, opening)
        start, limit = end, chars


def _open(language: str | None) -> str:
    """Return what opens a code block; "" without one."""
    return "" if language is None else f"{FENCE}{language}\n"


def open_code_block(text: str, language: str | None) -> str | None:
    """Return the language of the code block that is open after the text ("" without one), or None.

    ``language`` is that of the block that is open before the text, or None.
    """
    for fence in _FENCES.finditer(text):
        if language is not None:
            language = None
        else:
            match = _LANGUAGE.match(text, fence.end())
            language = match[0] if match else ""
    return language


class _Paginator:
    """Fill one message after the other."""

    def __init__(self, *, first_chars: int, chars: int, files: int, text_messages: int) -> None:
        self._chunks: list[list[OutputItem | RemainderItem]] = [[]]
        self._space = first_chars
        self._chars = chars
        self._files = files
        self._text_messages = text_messages
        self._components = 0  # of the last chunk
        self._group = ("", 0)  # the kind of its last items, and how many these are
        self._remainder: list[str] = []
        self._remainder_at = (0, 0)  # the chunk and its item that stand for the remainder

    def result(self) -> tuple[MessageChunk, ...]:
        """Return the chunks, the remainder in its place."""
        if self._remainder:
            chunk, item = self._remainder_at
            self._chunks[chunk][item] = RemainderItem("\n\n".join(self._remainder))
        return tuple(MessageChunk(tuple(chunk)) for chunk in self._chunks)

    def add_text(self, item: TextItem) -> None:
        """Add a text, over as many messages as it needs and may have."""
        text = item.text
        if not _NON_BLANK.search(text):
            return
        if self._space < min(_MIN_START_CHARS, self._chars) or not self._has_component_for(item):
            if not self._may_start_text():
                self._add_remainder(item, _Part("", 0, _open(item.language)))
                return
            self._start_chunk()
        split: Callable[..., Iterator[_Part]] = _split_markdown
        if item.language is not None:
            split = partial(_split_code, language=item.language)
        last: _Part | None = None
        for part in split(text, first_chars=self._space, chars=self._chars):
            if last is not None:
                self._start_chunk()
            self._add(TextItem(part.text), 1 + utf16_length(part.text))
            if not self._may_start_text():
                if _NON_BLANK.search(text, part.end):
                    self._add_remainder(item, part)
                return
            last = part

    def add_file_or_link(self, item: FileItem | LinkItem) -> None:
        if isinstance(item, LinkItem):
            units = (
                1 + utf16_length(item.label) + utf16_length(item.url) + utf16_length(item.reason) + _LINK_EXTRA_CHARS
            )
            is_full = False
        else:
            units = utf16_length(item.name) + utf16_length(item.note) + _NOTE_EXTRA_CHARS if item.note else 0
            is_full = self._is_full
        if is_full or units > self._space or not self._has_component_for(item):
            self._start_chunk()
        self._add(item, units)

    @property
    def _is_full(self) -> bool:
        """Whether the chunk has no place for another file."""
        return sum(isinstance(item, (FileItem, RemainderItem)) for item in self._chunks[-1]) >= self._files

    def _may_start_text(self) -> bool:
        return len(self._chunks) < self._text_messages

    def _add_remainder(self, item: TextItem, after: _Part) -> None:
        """Add what follows a part of a text to the remainder; the part is the last that is shown."""
        text = item.text[after.end :].strip("\n") if item.language is None else item.text[after.end :]
        if self._remainder:
            if after.text:
                self._add(TextItem(_ABRIDGED), 1 + len(_ABRIDGED))
        else:
            placeholder = RemainderItem("")
            if self._is_full or not self._has_component_for(placeholder):
                self._start_chunk()
            self._remainder_at = (len(self._chunks) - 1, len(self._chunks[-1]))
            self._add(placeholder, min(_REMAINDER_CHARS, max(self._space, 0)))  # the caller reserves what is missing
        self._remainder.append(after.opening + text + ("" if item.language is None else _CLOSING))

    def _has_component_for(self, item: OutputItem | RemainderItem) -> bool:
        return self._components + self._components_for(item) <= COMPONENTS_PER_MESSAGE - _CARD_COMPONENTS

    def _components_for(self, item: OutputItem | RemainderItem) -> int:
        """Return how many components one more item needs, as ``MessageChunk.components`` counts them."""
        kind, size = self._group
        match _component_kind(item):
            case "text":
                return 0 if kind == "text" else 1
            case "gallery":
                return 0 if kind == "gallery" and size % GALLERY_ITEMS else 1
            case "remainder":
                return 2
            case _:
                return 1

    def _add(self, item: OutputItem | RemainderItem, units: int) -> None:
        kind, size = self._group
        added = _component_kind(item)
        self._components += self._components_for(item)
        self._group = (added, size + 1 if added == kind else 1)
        self._chunks[-1].append(item)
        self._space -= units

    def _start_chunk(self) -> None:
        """Start a new chunk, unless the last one is a further one that is still empty."""
        if self._chunks[-1] or len(self._chunks) == 1:
            self._chunks.append([])
            self._components, self._group = 0, ("", 0)
            self._space = self._chars


class _SplitWindow:
    """A stretch of text that has to be split. Positions are from 1 to ``len(text) - 1``.

    The last character of the window already belongs to what follows. ``in_code`` says that the window begins inside a
    code block.
    """

    def __init__(self, text: str, *, in_code: bool, has_fences: bool = True) -> None:
        self._text = text
        self._limit = len(text) - 1
        self._indent = len(text) - len(text.lstrip())  # a part of blanks alone cannot be shown
        self._fences = [fence.start() for fence in _FENCES.finditer(text)] if has_fences else []
        self._fence_ends = [start + len(FENCE) for start in self._fences]
        self._starts_in_code = in_code
        self._inline_code: dict[int, tuple[list[int], list[int | None]]] = {}  # by the start of the line

    def find_split(self) -> int:
        """Return the best position: between blocks, lines, sentences, words or characters, in this order."""
        if self._is_in_code(self._limit):
            position = self._before_code_block() or self._between_code_lines() or self._outside_code()
        else:
            position = self._outside_code() or self._between_code_lines()
        return position or self._between_words() or self._between_characters()

    def find_split_in_code(self) -> int:
        """Return the best position in text that is all code."""
        for pattern, min_share in ((_LINE_ENDS, 0.25), (_BLANKS, 0.25)):
            for position in self._positions(pattern, min_share):
                return position
        return self._between_characters()

    def _is_in_code(self, position: int) -> bool:
        return (bisect_right(self._fence_ends, position) + self._starts_in_code) % 2 == 1

    def _positions(self, pattern: re.Pattern[str], min_share: float) -> Iterator[int]:
        """Yield the ends of the pattern's matches, the last first, down to a share of the window."""
        limit = self._limit
        for match in reversed(list(pattern.finditer(self._text, int(min_share * limit)))):
            position = min(match.end(), limit)
            is_complete = match.start() < limit or self._text[limit].isspace()
            if position > self._indent and is_complete and not _is_inseparable(self._text, position):
                yield position

    def _word_ends(self) -> Iterator[int]:
        """Yield the ends of words, the last first; the end of the window is searched before the rest."""
        first = self._limit + 1
        for position in self._positions(_WORD_ENDS, _WORD_SEARCH_START):
            yield position
            first = position
        yield from (position for position in self._positions(_WORD_ENDS, 0) if position < first)

    def _before_code_block(self) -> int | None:
        """Split before a code block that begins late: it may be complete in the next message."""
        fence = bisect_right(self._fence_ends, self._limit) - 1
        if fence < 0:
            return None
        line = self._line_start(self._fences[fence])
        return line if line >= self._limit // 2 and not self._is_in_code(line) else None

    def _between_code_lines(self) -> int | None:
        """Split after a line of code, unless that leaves an empty block on either side."""
        for position in self._positions(_LINE_ENDS, 0.25):
            line = self._text[self._line_start(position - 1) : position]
            next_text = self._text[position : position + 20].lstrip(" \t")
            if (
                self._text[position - 1] == "\n"
                and self._is_in_code(position)
                and FENCE not in line
                and not next_text.startswith("`")
            ):
                return position
        return None

    def _outside_code(self) -> int | None:
        """Split after a paragraph, a line that is no heading, or a sentence."""
        for pattern, min_share in ((_PARAGRAPH_ENDS, 0.6), (_LINE_ENDS, 0.25)):
            for position in self._positions(pattern, min_share):
                line = self._line_start(len(self._text[:position].rstrip()))
                if not self._text.startswith("#", line) and not self._is_in_code(position):
                    return position
        for position in islice(self._positions(_SENTENCE_ENDS, 0.5), _MARKUP_CHECKS):
            if not self._is_in_code(position) and self._unclosed_markup(position) == position:
                return position
        return None

    def _between_words(self) -> int | None:
        """Split after a word, and before inline code, a link or bold text that would be torn."""
        last, bound, checks = None, self._limit, 0
        for position in self._word_ends():
            if last is None:
                last = position
            if position > bound:
                continue
            if position < self._limit * 0.3 or checks >= _MARKUP_CHECKS:
                break
            checks += 1
            if self._is_in_code(position):
                return position
            opener = self._unclosed_markup(position)
            if opener == position:
                return position
            bound = opener
        return last

    def _between_characters(self) -> int:
        for position in range(self._limit, 0, -1):
            if not _is_inseparable(self._text, position):
                return position
        return self._limit

    def _line_start(self, position: int) -> int:
        return self._text.rfind("\n", 0, position) + 1

    def _unclosed_markup(self, position: int) -> int:
        """Return the start of inline code, a link or bold text that is open at ``position``, else ``position``."""
        start = self._line_start(position)
        line = self._text[start:position]
        starts = [position]
        opener = self._open_inline_code(start, position)
        if opener is not None:
            starts.append(opener)
        if line.count("**") % 2:
            starts.append(start + line.rfind("**"))
        for bracket, pattern in (("[", _UNCLOSED_LINK), ("<", _UNCLOSED_AUTOLINK)):
            at = line.rfind(bracket)
            if at >= 0 and pattern.match(line, at):
                starts.append(start + at)
        return min(starts)

    def _open_inline_code(self, line_start: int, position: int) -> int | None:
        """Return where inline code begins in a line that is open at ``position``, which is not between two backticks.

        A line is read once, however many positions in it are examined.
        """
        ends, openers = self._inline_code.get(line_start) or self._read_inline_code(line_start)
        number = bisect_right(ends, position)
        return openers[number - 1] if number else None

    def _read_inline_code(self, line_start: int) -> tuple[list[int], list[int | None]]:
        """Return where the runs of backticks in a line end, and where the inline code begins that is open then."""
        ends: list[int] = []
        openers: list[int | None] = []
        opener: re.Match[str] | None = None
        line_end = self._text.find("\n", line_start)
        for backticks in _BACKTICKS.finditer(self._text, line_start, len(self._text) if line_end < 0 else line_end):
            if opener is None:
                opener = backticks
            elif len(backticks[0]) == len(opener[0]):
                opener = None
            ends.append(backticks.end())
            openers.append(None if opener is None else opener.start())
        self._inline_code[line_start] = ends, openers
        return ends, openers


def _component_kind(item: OutputItem | RemainderItem) -> str:
    if isinstance(item, RemainderItem):
        return "remainder"
    if not isinstance(item, FileItem):
        return "text"
    return "gallery" if item.fits_gallery else "file"


def _advance(text: str, start: int, units: int) -> int:
    """Return the position that is up to ``units`` UTF-16 units after ``start``."""
    window = text[start : start + units]
    if window.isascii() or not _ASTRAL.search(window):
        return start + len(window)
    fitting = window.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "surrogatepass")
    size = len(fitting)
    return start + (size if fitting[-1] == window[size - 1] else size - 1)  # the last character was cut in half


def _next_content(text: str, start: int) -> int:
    """Return the start of the first line that is not blank, or the end of the text."""
    match = _NON_BLANK.search(text, start)
    if match is None:
        return len(text)
    line = max(start, text.rfind("\n", start, match.start()) + 1)
    return line if match.start() - line <= _MAX_INDENT else match.start()


def _is_inseparable(text: str, position: int) -> bool:
    """Return whether the characters around ``position`` are one character to a reader, or one mark."""
    before, after = text[position - 1], text[position]
    if before < "\x80" and after < "\x80":  # what is below is not about ASCII, and takes longer
        return before == after == "`" or (before, after) == ("\r", "\n")
    if _ZERO_WIDTH_JOINER in (before, after) or unicodedata.category(after) in _COMBINING_CATEGORIES:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones, flag tags
        return True
    if _is_regional_indicator(before) and _is_regional_indicator(after):
        first = position
        while first > 0 and _is_regional_indicator(text[first - 1]):
            first -= 1
        return (position - first) % 2 == 1
    if "\u1100" <= before <= "\u11ff" and "\u1100" <= after <= "\u11ff":  # the parts of a Korean syllable
        return True
    return unicodedata.combining(before) == _VIRAMA


def _is_regional_indicator(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"
