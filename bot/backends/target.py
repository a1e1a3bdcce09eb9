"""What a command runs: a model on Replicate, or one on servers of one's own.

``str`` of it stands in the row of each run, and ``parse_target`` reads it back. Only the configuration may name a
served model: what people write is parsed by ``ModelRef`` alone, or they could make the bot call any address.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bot.backends.replicate.types import ModelRef

OWN_MODEL: Final = "own model"

_SCHEME: Final = "cog+"
_SEPARATOR: Final = "|"
_URL: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model on Cog servers at ``urls`` (http://host:port), each of which has the same one."""

    urls: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "ServedModel":
        """Parse ``cog+http://host:port``, with more servers after a ``|``; raise ValueError."""
        urls = tuple(_check_url(part.strip()) for part in text.strip().removeprefix(_SCHEME).split(_SEPARATOR))
        if len(set(urls)) < len(urls):
            raise ValueError(f"“{text}” names a server twice.")
        return cls(urls)

    @property
    def model(self) -> str:
        """What people see in place of a name: an address inside a network is not for them."""
        return OWN_MODEL

    @property
    def name(self) -> str:
        """The beginning of the names of files."""
        return "model"

    @property
    def version(self) -> None:
        """A server has the model that it has."""
        return None

    @property
    def deployment(self) -> bool:
        """It is none of Replicate's deployments."""
        return False

    def __str__(self) -> str:
        return f"{_SCHEME}{_SEPARATOR.join(self.urls)}"


Target = ModelRef | ServedModel


def is_served(target: str) -> bool:
    """Return whether the text of a target is that of a served model."""
    return target.startswith(_SCHEME)


def parse_target(text: str) -> Target:
    """Parse a configured or stored target; raise ValueError."""
    return ServedModel.parse(text) if is_served(text.strip()) else ModelRef.parse(text)


def _check_url(text: str) -> str:
    url = text.removeprefix(_SCHEME).rstrip("/")
    try:
        parts = urlsplit(url)
        is_plain = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username or parts.password)
        is_right = _URL.fullmatch(url) is not None and is_plain and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(f"“{text}” is not the address of a Cog server. Use a format like cog+http://127.0.0.1:5000.")
    return url
