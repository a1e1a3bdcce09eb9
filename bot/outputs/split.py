"""Splitting: one text becomes slices that each stand alone, and together are the text again."""

import re
from dataclasses import dataclass
from typing import Final

from bot.outputs.cut import FENCE, best_cut, best_cut_in_code, block_after, reach

SMALLEST_ROOM: Final = 80  # characters; enough for a reopened code block and some words

_CLOSING: Final = f"\n{FENCE}"
_INDENT: Final = re.compile(r"\S")
_DEEPEST_INDENT: Final = 16  # blanks before a line that are kept when a slice begins with it
_NOT_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9_+.#-]")
_THREE_TICKS: Final = re.compile("``(?=`)")
_BREAK: Final = "``\u200b"  # shows as two backticks and ends no code block


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a text: ``source`` as it was written, ``shown`` as it stands alone."""

    shown: str
    source: str


def split_markdown(text: str, *, first: int, room: int) -> tuple[Slice, ...]:
    """Split Markdown into slices of at most ``first``, then ``room`` characters; () for a blank text.

    A code block that is cut is closed and reopened with its language. Sources joined give the text. When the text
    grows at its end, no slice but the last changes what it shows.
    """
    slices: list[Slice] = []
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
        slices.append(Slice(opening + body.rstrip() + ("" if block is None else _CLOSING), text[start:end]))
        start = end
    if slices and start < len(text):
        slices[-1] = Slice(slices[-1].shown, slices[-1].source + text[start:])
    return tuple(slices)


def split_code(text: str, language: str, *, first: int, room: int) -> tuple[Slice, ...]:
    """Split text that is to be shown as code, each slice in a block of its own; as ``split_markdown`` else."""
    slices: list[Slice] = []
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
        slices.append(Slice(opening + _THREE_TICKS.sub(_BREAK, body) + _CLOSING, body))
        start = end
    return tuple(slices)


def _first_word(text: str, start: int) -> int:
    """Return where the first line with anything on it begins; the end of the text if there is none."""
    word = _INDENT.search(text, start)
    if word is None:
        return len(text)
    line = max(start, text.rfind("\n", start, word.start()) + 1)
    return line if word.start() - line <= _DEEPEST_INDENT else word.start()
