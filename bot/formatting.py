"""Sizes, durations, numbers and shortened text as people read them, in the language that the task speaks.

1 MB is 1024² bytes everywhere, as Discord counts: a file reads the same here as beside it in Discord, and so do
Discord's limits ("10 MB"). Replicate's limits are decimal and read a little smaller: 100 MB of theirs are 95.4 MB.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from babel.lists import format_list
from babel.numbers import format_compact_decimal
from babel.units import format_unit

from bot.language import ENGLISH, _, babel_locale, current_language

_LARGER_UNITS: Final = ("digital-kilobyte", "digital-megabyte", "digital-gigabyte", "digital-terabyte")
_SPELLED_UNITS: Final = {  # in seconds
    "duration-year": 365 * 86400,
    "duration-day": 86400,
    "duration-hour": 3600,
    "duration-minute": 60,
    "duration-second": 1,
}

_ENDINGS: Final = {"one": "st", "two": "nd", "few": "rd", "other": "th"}  # of ordinals in English

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
    value, unit = float(size), "digital-byte"
    for larger in _LARGER_UNITS:
        if round(value, 1) < 1024:
            break
        value, unit = value / 1024, larger
    if unit == "digital-byte":
        return format_unit(size, unit, "long", locale=babel_locale())
    text = format_unit(round(value, 1), unit, "short", format="#,##0.#", locale=babel_locale())
    return text.replace("kB", "KB")  # as Discord writes it


def format_duration(duration: timedelta | float) -> str:
    """Return a duration, or seconds, in one or two short units: "41 s", "3 min 20 s", "1 h 5 min"."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60 and not rest:
        return _("{minutes} min").format(minutes=minutes)
    if minutes < 60:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, 60)
    if not minutes:
        return _("{hours} h").format(hours=hours)
    return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)


def spell_duration(duration: timedelta) -> str:
    """Return a duration in words, for sentences: "30 days", "1 minute and 30 seconds"."""
    left, parts = max(0, round(duration.total_seconds())), []
    for unit, seconds in _SPELLED_UNITS.items():
        count, left = divmod(left, seconds)
        if count:
            parts.append(format_unit(count, unit, "long", locale=babel_locale()))
    return format_list(
        parts or [format_unit(0, "duration-second", "long", locale=babel_locale())], locale=babel_locale()
    )


def format_count(count: int, noun: str) -> str:
    """Return "1 image", "5 images"; nouns take a plain s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_large_number(number: int) -> str:
    """Return a number as people say it: "950", "12.3 thousand", "1.2 million"."""
    return format_compact_decimal(number, format_type="long", fraction_digits=1, locale=babel_locale())


def format_ordinal(number: int) -> str:
    """Return a place: 1st, 2nd, 3rd, 11th."""
    if current_language() == ENGLISH:
        return f"{number}{_ENDINGS[babel_locale().ordinal_form(number)]}"
    # Translators: a place in a queue, whatever the number: 4th. English has the right ending for each number.
    return _("{number}th").format(number=number)


def inside_sentence(title: str) -> str:
    """Return a title as it is written within a sentence: "limits"; German nouns keep their capital: "Limits"."""
    return title if current_language() == "de" else title.lower()


def join_alternatives(alternatives: Sequence[str]) -> str:
    """Return "an image or a video"; there is at least one."""
    return format_list(alternatives, style="or", locale=babel_locale())


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
