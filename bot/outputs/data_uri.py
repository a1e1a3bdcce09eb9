"""Data URIs: files inside the output itself."""

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from bot.outputs.errors import FileCorrupt, FileTooLarge

_HEADER: Final = re.compile(r"data:(?P<mime>[\w.+/*-]*)(?P<params>(?:;[\w.+=\"/ -]*)*),", re.IGNORECASE)
_HEADER_CHARS: Final = 500  # more than any header has
_WHITESPACE: Final = re.compile(r"\s+")

_CORRUPT: Final = "The model returned a file inline, but its data can't be read."
_TOO_LARGE: Final = "Too large to download here"


def is_data_uri(text: str) -> bool:
    return text[:5].lower() == "data:" and _HEADER.match(text[:_HEADER_CHARS]) is not None


def is_base64_data_uri(text: str) -> bool:
    """Return whether the text is a data URI in base64, which cannot be meant as prose."""
    header = _HEADER.match(text[:_HEADER_CHARS])
    return header is not None and header["params"].lower().endswith(";base64")


def decode_data_uri(text: str, *, max_bytes: int) -> bytes:
    """Return the bytes of a data URI; raise FileCorrupt or FileTooLarge."""
    header = _HEADER.match(text[:_HEADER_CHARS])
    if header is None:
        raise FileCorrupt(_CORRUPT)
    body = text[header.end() :]
    is_base64 = is_base64_data_uri(text)
    if len(body) * 3 // 4 > max_bytes * (1 if is_base64 else 3) + 3:  # unencoded, a byte is up to 3 characters ("%00")
        raise FileTooLarge(_TOO_LARGE)
    data = _decode_base64(body) if is_base64 else unquote_to_bytes(body)
    if len(data) > max_bytes:
        raise FileTooLarge(_TOO_LARGE)
    return data


def _decode_base64(body: str) -> bytes:
    """Decode lenient base64: URL-safe alphabet, percent encoding, line breaks, missing padding."""
    if "%" in body:
        body = unquote_to_bytes(body).decode("ascii", "replace")
    letters = _WHITESPACE.sub("", body).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileCorrupt(_CORRUPT) from error
