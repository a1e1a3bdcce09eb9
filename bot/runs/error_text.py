"""What a model or Replicate wrote about an error, as one short line for people, and as text to look for its cause in.

URLs, tokens and paths of servers are removed, and so is whatever is no text: colours, controls, direction marks. Errors
may be of any length and are written by strangers, so every step is linear.
"""

import re
from typing import Final

from bot.formatting import remove_terminal_sequences, single_line
from bot.limits import ERROR_CHARS_READ

_MESSAGE_CHARS: Final = 200
_TRACEBACK: Final = "Traceback (most recent call last)"
_PREFIX: Final = re.compile(
    r"^(?:(?:async )?prediction failed:|generator iteration error:|[a-z_.]*(?:error|exception):)\s*", re.IGNORECASE
)
# Each is linear: nothing that can be long stands before something that may be missing.
_SCHEME: Final = re.compile(r"\b[a-z][a-z0-9+.-]{0,40}:", re.IGNORECASE)
_PRIVATE: Final = re.compile(
    r"\bdata:\S+|\b(?:r8|hf|sk|whsec|ghp)_\S+|\bbearer \S+|(?<![\w.])/(?:[\w.@-]+/)+[\w.@-]*", re.IGNORECASE
)
# What stands in quotes is somebody's prompt, file name or value, not the model's own words.
_QUOTED: Final = re.compile(r"(?<![\w'])'[^'\n]{1,1000}'(?!\w)|\"[^\"\n]{1,1000}\"|“[^”\n]{1,1000}”|`[^`\n]{1,1000}`")


def clean_error(text: str) -> str:
    """Return an error text as one short line: the last line of a traceback, without URLs, tokens and paths."""
    text = read_error(text)
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    if len(text) > _MESSAGE_CHARS:
        text = text[:_MESSAGE_CHARS].rsplit(" ", 1)[0] + "…"
    return text.rstrip(".")


def own_words(text: str) -> str:
    """Return an error text without what it quotes, to look for its cause in."""
    return _QUOTED.sub("…", read_error(text))


def read_error(text: str) -> str:
    """Return what an error text says, on one line: the last line of a traceback, without anything private."""
    # Before and after: a sequence may take the first letter of a token, or stand in the middle of one.
    text = remove_terminal_sequences(_PRIVATE.sub("…", _ends(text)))
    if _TRACEBACK in text:
        text = text.rstrip().rpartition("\n")[2]
    return _PRIVATE.sub("…", " ".join(map(_hide_url, single_line(text).split())))


def _ends(text: str) -> str:
    """Return the beginning and the end of a text that is too long to be searched: the cause stands in one of them."""
    half = ERROR_CHARS_READ // 2
    return text if len(text) <= ERROR_CHARS_READ else f"{text[:half]} … {text[-half:]}"


def _hide_url(word: str) -> str:
    """Return a word without the URL in it: from a scheme with "//" somewhere behind it to the end."""
    slashes = word.rfind("//", 0, -1)
    scheme = _SCHEME.search(word, 0, slashes) if slashes > 0 else None
    return word if scheme is None else f"{word[: scheme.start()]}…"
