"""Ids, timestamps and paginated lists in the formats that Replicate uses."""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from sandbox.replicate.errors import Problem

PAGE_SIZE = 100
FRACTION_DIGITS = (3, 6, 9)  # timestamps have one of these numbers of digits after the second

Entropy = Callable[[int], bytes]
T = TypeVar("T")


class IdGenerator:
    """Creates ids and tokens from ``entropy``, a function that returns that many random bytes."""

    def __init__(self, entropy: Entropy = secrets.token_bytes) -> None:
        self._entropy = entropy

    def new_resource_id(self) -> str:
        """Return the id of a prediction or a file: 26 of a-z and 2-7."""
        return self._letters(26)

    def new_stream_token(self) -> str:
        """Return a stream's token; it is long because anyone who has it can read the stream."""
        return self._letters(52)

    def new_pool(self) -> str:
        """Return the four letters in front of the token of a file stream."""
        return self._letters(4)

    def new_folder(self) -> str:
        """Return the folder of one output file: 43 letters and digits of both cases."""
        return base64.urlsafe_b64encode(self._entropy(40)).decode().replace("-", "x").replace("_", "X")[:43]

    def new_message_id(self) -> str:
        """Return the id of one webhook."""
        return f"msg_{self._letters(27)}"

    def _letters(self, count: int) -> str:
        return base64.b32encode(self._entropy(count)).decode().lower()[:count]


def format_time(time: datetime, *, digits: int = 6) -> str:
    """Return ``time`` as ISO 8601 in UTC, truncated (not rounded) to ``digits`` after the second."""
    utc = time.astimezone(UTC)
    fraction = f"{utc.microsecond:06d}000"[:digits]
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 time; without a zone it is UTC. Raise ValueError for anything else."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def paginate(
    rows: Sequence[T],
    *,
    time_of: Callable[[T], datetime],
    to_json: Callable[[T], Any],
    url: str,
    query: Mapping[str, str],
) -> dict[str, Any]:
    """Return one page of ``rows`` (newest first) as Django REST framework's cursor pagination does.

    ``previous`` and ``next`` are full URLs, None at the ends. The cursor is base64 of ``p=<time of the last row>``,
    with ``r=1`` before it for going back.
    """
    position, back = _decode_cursor(query.get("cursor"))
    candidates = list(rows)
    if position is not None:
        candidates = [row for row in rows if (time_of(row) > position if back else time_of(row) < position)]
    results = candidates[-PAGE_SIZE:] if back else candidates[:PAGE_SIZE]
    other_parameters = {name: value for name, value in query.items() if name != "cursor"}

    def build_link(row: T, *, back: bool) -> str:
        return f"{url}?{urlencode({'cursor': _encode_cursor(time_of(row), back=back), **other_parameters})}"

    has_older = bool(results) and time_of(results[-1]) > min(map(time_of, rows))
    has_newer = bool(results) and time_of(results[0]) < max(map(time_of, rows))
    return {
        "previous": build_link(results[0], back=True) if has_newer else None,
        "next": build_link(results[-1], back=False) if has_older else None,
        "results": [to_json(row) for row in results],
    }


def _encode_cursor(time: datetime, *, back: bool) -> str:
    position = urlencode({**({"r": "1"} if back else {}), "p": time.isoformat(sep=" ")})
    return base64.b64encode(position.encode()).decode()


def _decode_cursor(cursor: str | None) -> tuple[datetime | None, bool]:
    if cursor is None:
        return None, False
    try:
        fields = parse_qs(base64.b64decode(cursor, validate=True).decode())
        return datetime.fromisoformat(fields["p"][0]), "r" in fields
    except (binascii.Error, UnicodeDecodeError, KeyError, ValueError):
        raise Problem(404, "Invalid cursor") from None
