"""Paging: lists as Django REST framework's cursor pagination gives them out."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from sandbox.replicate.answers import Problem

PAGE_SIZE = 100

T = TypeVar("T")


def page(
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
    position, back = _read(query.get("cursor"))
    chosen = list(rows)
    if position is not None:
        chosen = [row for row in rows if (when(row) > position if back else when(row) < position)]
    shown = chosen[-PAGE_SIZE:] if back else chosen[:PAGE_SIZE]
    others = {name: value for name, value in query.items() if name != "cursor"}

    def link(row: T, *, back: bool) -> str:
        return f"{url}?{urlencode({'cursor': _write(when(row), back=back), **others})}"

    older = bool(shown) and when(shown[-1]) > min(map(when, rows))
    newer = bool(shown) and when(shown[0]) < max(map(when, rows))
    return {
        "previous": link(shown[0], back=True) if newer else None,
        "next": link(shown[-1], back=False) if older else None,
        "results": [show(row) for row in shown],
    }


def _write(moment: datetime, *, back: bool) -> str:
    position = urlencode({**({"r": "1"} if back else {}), "p": moment.isoformat(sep=" ")})
    return base64.b64encode(position.encode()).decode()


def _read(cursor: str | None) -> tuple[datetime | None, bool]:
    if cursor is None:
        return None, False
    try:
        fields = parse_qs(base64.b64decode(cursor, validate=True).decode())
        return datetime.fromisoformat(fields["p"][0]), "r" in fields
    except (binascii.Error, UnicodeDecodeError, KeyError, ValueError):
        raise Problem(404, "Invalid cursor") from None
