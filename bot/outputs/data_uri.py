"""Data URIs: files that stand in the output itself."""

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from bot.outputs.errors import FileCorrupt, FileTooLarge

_HEADER: Final = re.compile(r"data:(?P<kind>[\w.+/*-]*)(?P<params>(?:;[\w.+=\"/ -]*)*),", re.IGNORECASE)
_HEADER_CHARS: Final = 500  # no header is longer
_WHITESPACE: Final = re.compile(r"\s+")


def is_data_uri(text: str) -> bool:
    """Whether the text is a file written as a data URI."""
    return text[:5].lower() == "data:" and _HEADER.match(text[:_HEADER_CHARS]) is not None


def is_packed_data_uri(text: str) -> bool:
    """Whether the text is a data URI in base64, which nobody reads as words."""
    header = _HEADER.match(text[:_HEADER_CHARS])
    return header is not None and header["params"].lower().endswith(";base64")


def decode_data_uri(text: str, *, max_bytes: int) -> bytes:
    """Return the bytes of a data URI. Raises Damaged and Oversize."""
    header = _HEADER.match(text[:_HEADER_CHARS])
    if header is None:
        raise FileCorrupt("The model gave a file inline, but its data cannot be read.")
    body = text[header.end() :]
    packed = is_packed_data_uri(text)
    if len(body) * 3 // 4 > max_bytes * (1 if packed else 3) + 3:  # a byte is at most three characters ("%00")
        raise FileTooLarge("The file is larger than what this bot takes.")
    data = _unpack(body) if packed else unquote_to_bytes(body)
    if len(data) > max_bytes:
        raise FileTooLarge("The file is larger than what this bot takes.")
    return data


def _unpack(body: str) -> bytes:
    """Decode base64 as it is found in the wild: URL-safe letters, percent signs, line ends, padding left out."""
    if "%" in body:
        body = unquote_to_bytes(body).decode("ascii", "replace")
    letters = _WHITESPACE.sub("", body).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileCorrupt("The model gave a file inline, but its data cannot be read.") from error
