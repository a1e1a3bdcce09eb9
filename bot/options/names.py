"""Names: what Discord calls an input, from any key that a model may use."""

import re
import unicodedata
from typing import Final

from bot.limits import COMMAND_NAME_CHARS

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNDERSCORES: Final = re.compile(r"_{2,}")


def safe_name(key: str) -> str:
    """Return the key as a legal option name: lower case, letters, digits, ``-`` and ``_``; may be empty."""
    if legal(key):
        return key
    lowered = _CAMEL.sub("_", unicodedata.normalize("NFKC", key)).lower()
    kept = "".join(letter if _allowed(letter) else "_" for letter in lowered)
    return _UNDERSCORES.sub("_", kept).strip("_")[:COMMAND_NAME_CHARS].rstrip("_")


def legal(name: str) -> bool:
    """Whether Discord takes this as an option's name, by the strictest reading of its rule."""
    return 1 <= len(name) <= COMMAND_NAME_CHARS and name == name.lower() and all(map(_allowed, name))


class Names:
    """Gives out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """Return the name, or the nearest to it that is legal and free."""
        base = safe_name(wanted) or "input"
        name, number = base, 1
        while name in self._taken:
            number += 1
            ending = f"_{number}"
            name = base[: COMMAND_NAME_CHARS - len(ending)].rstrip("_") + ending
        self._taken.add(name)
        return name

    def free(self, name: str) -> bool:
        """Whether nobody has this name yet."""
        return name not in self._taken


def _allowed(letter: str) -> bool:
    return letter in "-_" or unicodedata.category(letter)[0] in "LN"
