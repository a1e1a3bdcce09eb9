"""Names of characters and presets, and where a text mentions one as ``@name``."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.errors import Refused
from bot.formatting import single_line, truncate
from bot.language import _
from bot.limits import SAVED_NAME_CHARS

_NOBODY: Final = frozenset({"everyone", "here"})  # Discord's words for many people
_QUOTED_CHARS: Final = 40
_GLUED: Final = "@/._-"  # before an @ that is part of an address


@dataclass(frozen=True, slots=True)
class SavedName:
    """A valid name as its owner wrote it, and ``key``, by which names are compared."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Mention:
    """One ``@name`` in a text, from ``start`` to ``end``, the @ included."""

    name: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return make_key(self.name)


def parse_name(text: str) -> SavedName:
    """Return a name that somebody gave, with or without an @; raise Refused if it is none."""
    name = unicodedata.normalize("NFC", single_line(text)).removeprefix("@")
    is_valid = 1 <= len(name) <= SAVED_NAME_CHARS and _may_start(name[0]) and all(map(_may_follow, name))
    if not is_valid:
        raise Refused(
            _("“{name}” can't be a name. Use 1 to {count} letters, digits, - and _.").format(
                name=truncate(name, _QUOTED_CHARS), count=SAVED_NAME_CHARS
            )
        )
    key = make_key(name)
    if key in _NOBODY:
        raise Refused(_("@{name} is a word of Discord's. Choose another name.").format(name=name))
    return SavedName(name, key)


def make_key(name: str) -> str:
    """Return what two ways to write one name have in common."""
    return unicodedata.normalize("NFKC", name.removeprefix("@")).casefold()


def find_mentions(text: str) -> Iterator[Mention]:
    """Yield every ``@name``; addresses (``a@b.org``, ``x.com/@mia``) have none.

    What Discord mentions is nobody's name: ``<@123>``, ``<@&123>``, ``@everyone``, ``@here``.
    """
    position = text.find("@")
    while position != -1:
        end = position + 1
        while end < len(text) and _may_follow(text[end]):
            end += 1
        name = text[position + 1 : end].rstrip("-_")
        before = text[position - 1] if position else " "
        is_free = not (_may_follow(before) or before in _GLUED)
        is_of_discord = make_key(name) in _NOBODY or (before == "<" and name.isdecimal() and text[end : end + 1] == ">")
        if is_free and not is_of_discord and 1 <= len(name) <= SAVED_NAME_CHARS and _may_start(name[0]):
            yield Mention(name, position, position + 1 + len(name))
        position = text.find("@", end)


def _may_start(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LN"


def _may_follow(letter: str) -> bool:
    return letter in "-_" or unicodedata.category(letter)[0] in "LNM"
