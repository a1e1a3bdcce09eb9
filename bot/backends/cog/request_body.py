"""The JSON of a create request, in pieces: with files as data URIs it has up to 100 MB.

Encoding that in one call keeps the interpreter to itself for half a second, in whichever thread. So large bodies are
made in a thread, a piece at a time, and sent a piece at a time.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bot.limits import KIB

PIECE_CHARS: Final = 192 * KIB  # a third of a millisecond; divisible by three, so that Base64 needs no padding within


async def make_data_uri(content_type: str, data: bytes) -> str:
    """Return a file as an address that has all of it."""
    return await asyncio.to_thread(_make_data_uri, content_type, data)


async def encode_body(body: Mapping[str, Any], *, piece_chars: int = PIECE_CHARS) -> Sequence[bytes]:
    """Return a JSON object in pieces; ValueError or RecursionError if it cannot be JSON."""
    if any(len(text) > piece_chars for text in find_strings(body)):
        return await asyncio.to_thread(lambda: list(_encode(body, piece_chars)))
    return [b"".join(_encode(body, piece_chars))]


async def send_pieces(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces, with a turn for everybody else behind each."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


def find_strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, but for the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from find_strings(part)


def _make_data_uri(content_type: str, data: bytes) -> str:
    view = memoryview(data)
    pieces = [
        base64.b64encode(view[start : start + PIECE_CHARS]).decode("ascii")
        for start in range(0, len(data), PIECE_CHARS)
    ]
    return "".join((f"data:{content_type};base64,", *pieces))


def _encode(value: Any, piece_chars: int) -> Iterator[bytes]:
    if isinstance(value, str) and len(value) > piece_chars:
        yield b'"'
        for start in range(0, len(value), piece_chars):
            yield _dump(value[start : start + piece_chars])[1:-1]
        yield b'"'
    elif isinstance(value, Mapping):
        separator = b"{"
        for key, part in value.items():
            yield separator + _dump(str(key)) + b":"
            yield from _encode(part, piece_chars)
            separator = b","
        yield b"}" if separator == b"," else b"{}"
    elif isinstance(value, list | tuple):
        separator = b"["
        for part in value:
            yield separator
            yield from _encode(part, piece_chars)
            separator = b","
        yield b"]" if separator == b"," else b"[]"
    else:
        yield _dump(value)


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
