"""The requests a stand-in received and how it answered them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]
HIDDEN = "(hidden)"


@dataclass(slots=True, eq=False)
class Call:
    """One request and its answer; ``status`` is None while it is being answered, 0 when the wire was cut.

    ``route`` is the path with its parameters named, as in Discord's OpenAPI document; tokens are hidden.
    ``files`` are the names and sizes of what was uploaded, by its number.
    """

    method: str
    path: str
    route: str | None
    at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    payload: Any = None
    files: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    status: int | None = None
    code: int | None = None
    answer: Any = field(default=None, repr=False)
    seconds: float = 0.0


def hide_token(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without what authorises."""
    return {key: HIDDEN if key.lower() == "authorization" else value for key, value in headers.items()}
