"""Numbers as people read them, and user text escaped for Markdown."""

import re
from datetime import datetime

from bot.formatting import ELLIPSIS, truncate

CELLS = 5


def bar(fraction: float) -> str:
    """Return a bar of five cells; it is full only at the end."""
    filled = min(CELLS, max(0, int(fraction * CELLS + 1e-9)))
    return "▰" * filled + "▱" * (CELLS - filled)


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


def one_line(text: str, limit: int) -> str:
    """Return ``text`` as a single line of at most ``limit`` characters, not yet escaped."""
    return truncate(" ".join(_UNSEEN.sub("", text).split()), limit)


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
    shown = truncate("\n".join(kept[:lines]), chars)
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
