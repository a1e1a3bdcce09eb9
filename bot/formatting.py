"""Sizes, durations, counts and shortened text as people read them. Pure; every part of the bot may use it.

1 MB is 1024² bytes everywhere, as Discord counts: a file reads the same here as beside it in Discord, and so do
Discord's limits ("10 MB"). Replicate's limits are decimal and read a little smaller: 100 MB of theirs are 95.4 MB.
"""

import re
import unicodedata
from datetime import timedelta
from typing import Final

import humanize

ELLIPSIS: Final = "…"
SEPARATOR: Final = " · "  # between facts on one line

_JOINED: Final = ("Mn", "Me", "Sk")  # accents, variation selectors, skin tones
_JOINER: Final = "\u200d"
_SCHEME: Final = re.compile("https?://", re.IGNORECASE)
_PUNCTUATION: Final = " \n,.;:–-("
# Controls, direction marks, and letters without a glyph.
_INVISIBLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ud800-\udfff\ufeff\uffa0\U000e0000-\U000e007f]"
)
# Terminal sequences (ECMA-48): colours and movements, titles and links, other escapes. Programs that quote text write
# the escape out; then only colours and movements are taken for what they are.
_TERMINAL_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b|\\x1b\[|\\u001b\[|\\033\[)[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]{0,2000}(?:\x07|\x9c|\x1b\\)"
    r"|\x1b[ -/]{0,8}[0-~]",
    re.IGNORECASE,
)


def format_size(size: int) -> str:
    """Return a number of bytes as Discord shows it: "512 bytes", "12.3 MB", "10 MB"."""
    number, unit = humanize.naturalsize(size, binary=True).split()
    return f"{number.removesuffix('.0')} {unit.replace('iB', 'B').replace('Byte', 'byte')}"


def format_duration(duration: timedelta | float) -> str:
    """Return a duration, or seconds, in one or two short units: "41 s", "3 min 20 s", "1 h 5 min"."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def spell_duration(duration: timedelta) -> str:
    """Return a duration in words, for sentences: "30 days", "1 minute and 30 seconds"."""
    return humanize.precisedelta(duration, suppress=["months"], format="%0.0f")


def format_count(count: int, noun: str) -> str:
    """Return "1 image", "5 images"; nouns take a plain s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_large_number(number: int) -> str:
    """Return a number as people say it: "950", "12.3 thousand", "1.2 million"."""
    return humanize.intword(number)


def format_ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 11th."""
    return humanize.ordinal(number)


def join_facts(*facts: str) -> str:
    """Return facts on one line, without the empty ones: "done · 5 images · 41 s"."""
    return SEPARATOR.join(fact for fact in facts if fact)


def single_line(text: str) -> str:
    """Return the text on one line, without invisible characters and terminal sequences."""
    return " ".join(_INVISIBLE.sub("", " ".join(remove_terminal_sequences(text).split())).split())


def remove_terminal_sequences(text: str) -> str:
    """Return the text without the colours and movements that programs write for a terminal."""
    return _TERMINAL_SEQUENCE.sub("", text)


def truncate(text: str, limit: int) -> str:
    """Return the text in at most ``limit`` characters, ended by "…" at the end of a word where it was longer.

    Accents and joined emoji are not torn apart. A word longer than half of the limit is cut through, but a web address
    is left out instead, or loses its scheme: what is left of it must not be a link to somewhere else.
    """
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    end = limit - 1
    while end > 0 and (unicodedata.category(text[end]) in _JOINED or _JOINER in text[end - 1 : end + 1]):
        end -= 1
    head = text[:end]
    if not text[end].isspace():
        space = max(head.rfind(" "), head.rfind("\n"))
        head = head[:space] if space > limit // 2 else head
    kept = head.rstrip()
    word = kept.split()[-1] if kept else ""
    scheme = _SCHEME.search(word)
    if scheme is not None:
        if text[len(kept)].isspace() and len(kept) + 2 <= limit:
            return f"{kept} {ELLIPSIS}"
        head = kept[: len(kept) - len(word) + scheme.start()].rstrip(_PUNCTUATION) or word[scheme.end() :]
    return head.rstrip(_PUNCTUATION) + ELLIPSIS


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, in which most emoji count as two.

    Discord's API counts characters, its clients UTF-16 units; the larger number is within both
    (discord/discord-api-docs issue 1315).
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def truncate_utf16(text: str, limit: int) -> str:
    """Return the text in at most ``limit`` UTF-16 units, ended as by ``truncate``."""
    if utf16_length(text) <= limit:
        return text
    fitting = text.encode("utf-16-le", "surrogatepass")[: 2 * max(limit, 0)].decode("utf-16-le", "ignore")
    return truncate(text, len(fitting))


def clean_text(text: str) -> str:
    """Return the text without NUL and lone surrogates, which nobody can see and not every program accepts."""
    return replace_surrogates(text.replace("\0", ""))


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates replaced: neither JSON encoders, SQLite nor Discord take one."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
