"""Ids, timestamps and paginated lists in the formats that Replicate uses."""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from sandbox.replicate.errors import Problem

Entropy = Callable[[int], bytes]


class IdGenerator:
    """Gives out ids from the entropy that it was handed."""

    def __init__(self, entropy: Entropy = secrets.token_bytes) -> None:
        self._entropy = entropy

    def resource(self) -> str:
        """Return the id of a prediction or a file: 26 of a-z and 2-7."""
        return self._letters(26)

    def stream(self) -> str:
        """Return a stream's token: it is the whole capability, so it is long."""
        return self._letters(52)

    def pool(self) -> str:
        """Return the four letters that stand before the token of a file stream."""
        return self._letters(4)

    def folder(self) -> str:
        """Return the folder of one delivered file: 43 letters and digits of both cases."""
        return base64.urlsafe_b64encode(self._entropy(40)).decode().replace("-", "x").replace("_", "X")[:43]

    def message(self) -> str:
        """Return the id of one webhook delivery."""
        return f"msg_{self._letters(27)}"

    def _letters(self, count: int) -> str:
        return base64.b32encode(self._entropy(count)).decode().lower()[:count]


FRACTION_DIGITS = (3, 6, 9)


def format_time(moment: datetime, *, digits: int = 6) -> str:
    """Return ``moment`` as ISO 8601 in UTC, cut (not rounded) to ``digits`` after the second."""
    utc = moment.astimezone(UTC)
    fraction = f"{utc.microsecond:06d}000"[:digits]
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


PAGE_SIZE = 100

T = TypeVar("T")


def paginate(
    rows: Sequence[T],
    *,
    when: Callable[[T], datetime],
    show: Callable[[T], Any],
    url: str,
    query: Mapping[str, str],
) -> dict[str, Any]:
    """Return one page of ``rows`` (newest first) with the full URLs of its neighbours, None at the ends.

    The cursor is base64 of ``p=<time of the last row seen>``, with ``r=1`` before it for going back.
    """
    position, back = _decode_cursor(query.get("cursor"))
    chosen = list(rows)
    if position is not None:
        chosen = [row for row in rows if (when(row) > position if back else when(row) < position)]
    shown = chosen[-PAGE_SIZE:] if back else chosen[:PAGE_SIZE]
    others = {name: value for name, value in query.items() if name != "cursor"}

    def link(row: T, *, back: bool) -> str:
        return f"{url}?{urlencode({'cursor': _encode_cursor(when(row), back=back), **others})}"

    older = bool(shown) and when(shown[-1]) > min(map(when, rows))
    newer = bool(shown) and when(shown[0]) < max(map(when, rows))
    return {
        "previous": link(shown[0], back=True) if newer else None,
        "next": link(shown[-1], back=False) if older else None,
        "results": [show(row) for row in shown],
    }


def _encode_cursor(moment: datetime, *, back: bool) -> str:
    position = urlencode({**({"r": "1"} if back else {}), "p": moment.isoformat(sep=" ")})
    return base64.b64encode(position.encode()).decode()


def _decode_cursor(cursor: str | None) -> tuple[datetime | None, bool]:
    if cursor is None:
        return None, False
    try:
        fields = parse_qs(base64.b64decode(cursor, validate=True).decode())
        return datetime.fromisoformat(fields["p"][0]), "r" in fields
    except (binascii.Error, UnicodeDecodeError, KeyError, ValueError):
        raise Problem(404, "Invalid cursor") from None
