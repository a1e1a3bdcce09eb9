r"""``key=value`` text, in which people set the inputs that have no option of their own.

The text is ``key=value key2="two words"``, read leniently and written so that it reads back the same. A value
without quotes extends to the end of the line or to the next ``key=``, so ``negative_prompt=blurry, dark seed=42`` is
two pairs. Quotes are straight or curly; within them ``\"``, ``\\`` and ``\n`` are a quote, a backslash and a line
break. A value that starts as JSON extends to the end of that JSON.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.language import _

_QUOTED_CHARS: Final = 40  # of a wrong word that a message repeats

_PAIR_KEY: Final = re.compile(r"([^\s=\"“”]+)[ \t]*=[ \t]*")
_PAIR_END: Final = re.compile(r"\n|\s(?=[\w-][\w.-]*[ \t]*=(?!=))")
_UNQUOTED: Final = re.compile(r"[^\s\"“”„{\[\\=,]+")
_QUOTES: Final = {'"': '"', "“": "”", "”": "”", "„": "“"}
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\", "”": "”"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One ``key=value``; ``start`` and ``end`` are the position of the value in the text."""

    key: str
    value: str
    start: int
    end: int


def parse_pairs(text: str, option: str) -> tuple[Pair, ...]:
    """Return the pairs in order; raise BadOption naming ``option``."""
    pairs: list[Pair] = []
    position = _skip_separators(text, 0)
    while position < len(text):
        match = _PAIR_KEY.match(text, position)
        if match is None:
            word = truncate(single_line(text[position:].split(maxsplit=1)[0]), _QUOTED_CHARS)
            raise BadOption(
                option,
                _("`{option}` expects key=value, but there is no = after “{word}”.").format(option=option, word=word),
            )
        value, end = _read_pair_value(text, match, option)
        pairs.append(Pair(match[1], value, match.end(), end))
        position = _skip_separators(text, end)
    return tuple(pairs)


def format_pairs(pairs: Iterable[tuple[str, str]], *, separator: str = "\n") -> str:
    """Return text that ``parse_pairs`` parses into these pairs."""
    return separator.join(f"{key}={quote_value(value)}" for key, value in pairs)


def quote_value(value: str) -> str:
    """Return the value as it can follow ``key=``."""
    if _UNQUOTED.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _skip_separators(text: str, position: int) -> int:
    while position < len(text) and (text[position].isspace() or text[position] == ","):
        position += 1
    return position


def _read_pair_value(text: str, match: re.Match[str], option: str) -> tuple[str, int]:
    """Return the value after a matched key, and the position of its end."""
    start = match.end()
    first = text[start : start + 1]
    if first and first in _QUOTES:
        return _read_quoted(text, start, match[1], option)
    if first and first in "{[":
        json_end = _find_json_end(text, start)
        if json_end is not None:
            return text[start:json_end], json_end
    # “key= next=5” sets key to nothing rather than to “next=5”.
    if text[start - 1] in " \t" and _PAIR_END.match(text, start - 1):
        return "", start
    next_pair = _PAIR_END.search(text, start)
    end = next_pair.start() if next_pair else len(text)
    return text[start:end].strip().rstrip(","), end


def _read_quoted(text: str, position: int, key: str, option: str) -> tuple[str, int]:
    closing = _QUOTES[text[position]]
    letters: list[str] = []
    position += 1
    while position < len(text):
        letter = text[position]
        if letter == closing:
            return "".join(letters), position + 1
        if letter == "\\" and text[position + 1 : position + 2] in _ESCAPES:
            letters.append(_ESCAPES[text[position + 1]])
            position += 2
            continue
        letters.append(letter)
        position += 1
    raise BadOption(option, _("`{option}`: the quote after `{key}=` isn't closed.").format(option=option, key=key))


def _find_json_end(text: str, start: int) -> int | None:
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return end if end == len(text) or text[end].isspace() or text[end] == "," else None
