"""Discord's Markdown: text from people and models escaped, links, quotes, code blocks, timestamps."""

import re
from datetime import datetime
from typing import Final

from bot.formatting import ELLIPSIS, remove_terminal_sequences, single_line, truncate
from bot.language import _

_PROGRESS_CELLS: Final = 10

# Marks that reorder or hide what follows them; with them a line could be made to read as another.
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_INVISIBLE: Final = re.compile(rf"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f{_BIDI}\ud800-\udfff]")
_SPECIAL: Final = re.compile(r"[\\*~`|<\[\]]")
# Inside a word an underscore means nothing to Discord, and URLs are full of them.
_UNDERSCORE: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LINE_START: Final = re.compile(r"^(\s*)([-+#>])")
_LINE_NUMBER: Final = re.compile(r"^(\s*\d+)([.)])")
_MASS_MENTION: Final = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_URL_BREAKERS: Final = re.compile(r"[\s()<>\[\]\\|*`]")
_ZERO_WIDTH_SPACE: Final = "\u200b"
_NAME_CHARS: Final = 60  # Discord allows 32; escaping may double them
_SCHEME: Final = re.compile(r"(?<=\w):(?=//)")
_MARKS: Final = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED_MARKS: Final = re.compile(f"({_MARKS}{{3}}){_MARKS}+")


def one_line(text: str, limit: int) -> str:
    """Return the text as a single line of at most ``limit`` characters, not yet escaped."""
    return truncate(" ".join(_INVISIBLE.sub("", remove_terminal_sequences(text)).split()), limit)


def escape(line: str) -> str:
    """Return one line in which no character has a meaning to Discord.

    ``discord.utils.escape_markdown`` leaves bidirectional marks, headings, lists and half-escaped links alone.
    """
    text = _INVISIBLE.sub("", line)
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _UNDERSCORE.sub(r"\_", text)
    text = _LINE_START.sub(r"\1\\\2", text)
    text = _LINE_NUMBER.sub(r"\1\\\2", text)
    return _MASS_MENTION.sub("@" + _ZERO_WIDTH_SPACE, text)


def format_name(name: str) -> str:
    """Return a person's name as plain text, "Someone" if nothing of it can be seen.

    People choose their names: beside Markdown, no name is a link, and none is a stack of marks that covers other lines.
    """
    plain = one_line(_STACKED_MARKS.sub(r"\1", single_line(name)), _NAME_CHARS)
    return escape(_SCHEME.sub(f"\\g<0>{_ZERO_WIDTH_SPACE}", plain)) or _("Someone")


def escape_url(url: str) -> str:
    """Return the URL with everything that could end a Markdown link percent-encoded."""
    return _URL_BREAKERS.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)


def format_link(label: str, url: str) -> str:
    """Return a Markdown link; the label is escaped."""
    return f"[{escape(one_line(label, 100))}]({escape_url(url)})"


def format_quote(text: str, *, lines: int, chars: int) -> str:
    """Return the text as a quote of at most ``lines`` lines and ``chars`` characters of it, or "" if it is blank."""
    plain = _INVISIBLE.sub("", remove_terminal_sequences(text))
    stripped = [line.rstrip() for line in plain.strip().splitlines()]
    kept = [line for line in stripped if line]
    shown = truncate("\n".join(kept[:lines]), chars)
    if len(kept) > lines and not shown.endswith(ELLIPSIS):
        shown += ELLIPSIS
    return "\n".join(f"> {escape(line)}" for line in shown.split("\n")) if shown else ""


def format_code_block(text: str, language: str) -> str:
    """Return the text as a code block; fences inside it are broken by an invisible character."""
    return f"```{language}\n{text.replace('```', f'``{_ZERO_WIDTH_SPACE}`')}\n```"


def format_timestamp(when: datetime, style: str = "R") -> str:
    """Return a time that Discord shows in each reader's language; "R" counts by itself ("14 seconds ago")."""
    return f"<t:{int(when.timestamp())}:{style}>"


def format_progress_bar(fraction: float) -> str:
    """Return a bar of ten cells; it is full only at the end."""
    filled = min(_PROGRESS_CELLS, max(0, int(fraction * _PROGRESS_CELLS + 1e-9)))
    return "▰" * filled + "▱" * (_PROGRESS_CELLS - filled)
