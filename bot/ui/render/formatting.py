"""Numbers as people read them, and user text escaped for Markdown."""

import re
import unicodedata
from datetime import datetime

CELLS = 5


def span(seconds: float) -> str:
    """Return a span in a person's words: "41 s", "3 min 20 s", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def bar(fraction: float) -> str:
    """Return a bar of five cells; it is full only at the end."""
    filled = min(CELLS, max(0, int(fraction * CELLS + 1e-9)))
    return "▰" * filled + "▱" * (CELLS - filled)


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, …, 11th, …, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def counted(number: int, noun: str) -> str:
    """Return "1 image", "5 images"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Return a file's size as people say it."""
    if number < 1_000_000:
        return f"{max(1, round(number / 1000))} kB"
    return f"{number / 1_000_000:.1f} MB" if number < 10_000_000 else f"{round(number / 1_000_000)} MB"


def rough(number: int) -> str:
    """Return a large number as people say it: "950", "12 k", "1.2 M"."""
    for unit, size_of in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size_of:
            amount = number / size_of
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return str(number)


ELLIPSIS = "…"

# Marks that reorder or hide what follows them; with them a line could be made to read as another.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_UNSEEN = re.compile(rf"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{_BIDI}\ud800-\udfff]")
_ANYWHERE = re.compile(r"[\\*~`|<\[\]]")
# Inside a word an underscore means nothing to Discord, and links are full of them.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LINE_START = re.compile(r"^(\s*)([-+#>])")
_LINE_NUMBER = re.compile(r"^(\s*\d+)([.)])")
_CROWD = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_URL_BREAKERS = re.compile(r"[\s()<>\[\]\\|*`]")
_BLANK = "\u200b"
_JOINER = "\u200d"
_JOINED = ("Mn", "Me", "Sk")  # accents, variation selectors, skin tones


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, ended by “…” at a word's end where it was longer."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    end = limit - 1
    # An accent or a joined emoji belongs to what stands before it.
    while end > 0 and (unicodedata.category(text[end]) in _JOINED or _JOINER in text[end - 1 : end + 1]):
        end -= 1
    head = text[:end]
    space = max(head.rfind(" "), head.rfind("\n"))
    if space > limit // 2:
        head = head[:space]
    return head.rstrip() + ELLIPSIS


def one_line(text: str, limit: int) -> str:
    """Return ``text`` as a single line of at most ``limit`` characters, not yet escaped."""
    return cut(" ".join(_UNSEEN.sub("", text).split()), limit)


def escape(line: str) -> str:
    """Return one line in which no character has a meaning to Discord."""
    text = _UNSEEN.sub("", line)
    text = _ANYWHERE.sub(r"\\\g<0>", text)
    text = _UNDERSCORE.sub(r"\_", text)
    text = _LINE_START.sub(r"\1\\\2", text)
    text = _LINE_NUMBER.sub(r"\1\\\2", text)
    return _CROWD.sub("@" + _BLANK, text)


def quote(text: str, *, lines: int, chars: int) -> str:
    """Return ``text`` as a quote of at most ``lines`` lines and ``chars`` characters of the text; "" for none."""
    given = [line.rstrip() for line in _UNSEEN.sub("", text).strip().splitlines()]
    kept = [line for line in given if line]
    shown = cut("\n".join(kept[:lines]), chars)
    if len(kept) > lines and not shown.endswith(ELLIPSIS):
        shown += ELLIPSIS
    return "\n".join(f"> {escape(line)}" for line in shown.split("\n")) if shown else ""


def link(label: str, url: str) -> str:
    """Return a link that opens ``url`` and reads ``label``."""
    return f"[{escape(one_line(label, 100))}]({target(url)})"


def target(url: str) -> str:
    """Return ``url`` with everything that could end a Markdown link percent-encoded."""
    return _URL_BREAKERS.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)


def code_block(text: str, language: str) -> str:
    """Return ``text`` as a code block; fences inside it are broken by an invisible character."""
    return f"```{language}\n{text.replace('```', f'``{_BLANK}`')}\n```"


def moment(when: datetime, style: str = "R") -> str:
    """Return a time that each reader's own Discord words for them; "R" counts by itself ("14 seconds ago")."""
    return f"<t:{int(when.timestamp())}:{style}>"


def whole(text: str) -> str:
    """Return the text with every half of a broken character replaced; JSON cannot carry one."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
