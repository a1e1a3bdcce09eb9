r"""Advanced text: ``key=value key2="two words"``, read forgivingly and written so that it reads back the same.

A value without quotes goes on until the line ends or the next ``key=`` begins, so that ``negative_prompt=blurry, dark
seed=42`` says what it seems to say. Quotes may be straight or curly; within them ``\"``, ``\\`` and ``\n`` stand
for a quote, a backslash and a line break. A value that begins as JSON is read to the end of that JSON.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.errors import BadOption
from bot.options.text import truncate, visible_text

_KEY: Final = re.compile(r"([^\s=\"“”]+)[ \t]*=[ \t]*")
_NEXT: Final = re.compile(r"\n|\s(?=[\w-][\w.-]*[ \t]*=(?!=))")
_PLAIN: Final = re.compile(r"[^\s\"“”„{\[\\=,]+")
_QUOTES: Final = {'"': '"', "“": "”", "”": "”", "„": "“"}
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\", "”": "”"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One ``key=value``; ``start`` and ``end`` are where the value stands in the text."""

    key: str
    value: str
    start: int
    end: int


def parse(text: str, option: str) -> tuple[Pair, ...]:
    """Return the pairs in the order in which they stand; raises BadOption naming ``option``."""
    pairs: list[Pair] = []
    place = _skip(text, 0)
    while place < len(text):
        found = _KEY.match(text, place)
        if found is None:
            stray = truncate(visible_text(text[place:].split(maxsplit=1)[0]), 40)
            raise BadOption(option, f"`{option}` takes key=value; “{stray}” has no = behind it.")
        value, end = _value(text, found, option)
        pairs.append(Pair(found[1], value, found.end(), end))
        place = _skip(text, end)
    return tuple(pairs)


def write(pairs: Iterable[tuple[str, str]], *, between: str = "\n") -> str:
    """Return text that ``parse`` reads as these pairs."""
    return between.join(f"{key}={quoted(value)}" for key, value in pairs)


def quoted(value: str) -> str:
    """Return the value as it can stand behind ``key=``."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _skip(text: str, place: int) -> int:
    while place < len(text) and (text[place].isspace() or text[place] == ","):
        place += 1
    return place


def _value(text: str, found: re.Match[str], option: str) -> tuple[str, int]:
    place = found.end()
    first = text[place : place + 1]
    if first in _QUOTES and first:
        return _quoted_value(text, place, found[1], option)
    if first and first in "{[":
        end = _json_end(text, place)
        if end is not None:
            return text[place:end], end
    # “key= next=5” gives key nothing rather than “next=5”.
    spaced = text[place - 1] in " \t"
    if spaced and _NEXT.match(text, place - 1):
        return "", place
    ending = _NEXT.search(text, place)
    end = ending.start() if ending else len(text)
    return text[place:end].strip().rstrip(","), end


def _quoted_value(text: str, place: int, key: str, option: str) -> tuple[str, int]:
    closing = _QUOTES[text[place]]
    letters: list[str] = []
    place += 1
    while place < len(text):
        letter = text[place]
        if letter == closing:
            return "".join(letters), place + 1
        if letter == "\\" and text[place + 1 : place + 2] in _ESCAPES:
            letters.append(_ESCAPES[text[place + 1]])
            place += 2
            continue
        letters.append(letter)
        place += 1
    raise BadOption(option, f"`{option}`: the quote after `{key}=` is never closed.")


def _json_end(text: str, place: int) -> int | None:
    try:
        _, end = json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError):
        return None
    return end if end == len(text) or text[end].isspace() or text[end] == "," else None
