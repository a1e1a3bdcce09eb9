"""The request log of a stand-in: every request it received, and its response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MASK = "(hidden)"
CUT = 0  # the status of a request whose connection was cut


@dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """One request and its response.

    ``path`` excludes the query; header names are in lower case; tokens are masked. ``body`` and ``response`` are parsed
    JSON, else text or None. ``status`` is None until the response is sent, and ``CUT`` if there was none; ``seconds``
    is the time until then. ``fault`` is the name of the fault that was triggered.

    Replicate: ``origin`` is "api", "stream" or "delivery". Discord: ``route`` is the path with its parameters named, as
    in the OpenAPI document, or None for an unknown one; ``params`` are their values; ``files`` the names and sizes of
    the uploads by their number; ``code`` the JSON error code.
    """

    method: str
    path: str
    at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: int | None = None
    response: Any = field(default=None, repr=False)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    fault: str | None = None
    origin: str = "api"
    route: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    code: int | None = None

    @property
    def target(self) -> str:
        """The method and the path, as faults match them: ``POST /v1/predictions``."""
        return f"{self.method} {self.path}"


class RequestLog(list[Call]):
    """Every call in order of arrival; a call is updated when its response is sent."""

    def to(self, target: str) -> list[Call]:
        """Return the calls to one target: ``POST /v1/predictions``."""
        return [call for call in self if call.target == target]

    @property
    def creates(self) -> list[Call]:
        """The calls that create a prediction, by any of Replicate's three endpoints."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/predictions")]

    @property
    def cancels(self) -> list[Call]:
        """The calls that cancel a prediction."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/cancel")]


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with lower-case names, and without the token."""
    masked = {name.lower(): value for name, value in headers.items()}
    if "authorization" in masked:
        masked["authorization"] = f"{masked['authorization'].partition(' ')[0]} {MASK}"
    return masked
