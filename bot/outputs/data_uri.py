"""Data URIs: files inside the output itself."""

import binascii
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from bot.language import _
from bot.outputs.errors import FileCorrupt, FileTooLarge

_HEADER: Final = re.compile(r"data:(?P<mime>[\w.+/*-]*)(?P<params>(?:;[\w.+=\"/ -]*)*),", re.IGNORECASE)
_HEADER_CHARS: Final = 500  # more than any header has
_WHITESPACE: Final = b" \t\r\n\f\v"
_BASE64_LETTERS: Final = bytes.maketrans(b"-_", b"+/")
_CHUNK_CHARS: Final = 256 * 1024  # a millisecond

_CORRUPT: Final = _("The model returned a file inline, but its data can't be read.")


def is_data_uri(text: str) -> bool:
    return text[:5].lower() == "data:" and _HEADER.match(text[:_HEADER_CHARS]) is not None


def is_base64_data_uri(text: str) -> bool:
    """Return whether the text is a data URI in base64, which cannot be meant as prose."""
    header = _HEADER.match(text[:_HEADER_CHARS])
    return header is not None and header["params"].lower().endswith(";base64")


def decode_data_uri(text: str, *, max_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a data URI in chunks, so that decoding 30 MB holds up nobody else's thread.

    Raises FileCorrupt or FileTooLarge, the latter before any work where the length says so.
    """
    header = _HEADER.match(text[:_HEADER_CHARS])
    if header is None:
        raise FileCorrupt(_CORRUPT)
    start = header.end()
    is_base64 = is_base64_data_uri(text)
    # Unencoded, a byte is up to 3 characters ("%00").
    if (len(text) - start) * 3 // 4 > max_bytes * (1 if is_base64 else 3) + 3:
        raise FileTooLarge
    chunks = _unquote(text, start)
    size = 0
    for data in _decode_base64(chunks) if is_base64 else chunks:
        size += len(data)
        if size > max_bytes:
            raise FileTooLarge
        yield data


def _unquote(text: str, start: int) -> Iterator[bytes]:
    """Yield the text from ``start`` as bytes, with percent encodings decoded."""
    while start < len(text):
        end = start + _CHUNK_CHARS
        percent = text.rfind("%", end - 2, end)
        if percent >= 0 and end < len(text):
            end = percent  # "%20" is not torn apart
        yield unquote_to_bytes(text[start:end])
        start = end


def _decode_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decode lenient base64: URL-safe alphabet, line breaks, missing padding."""
    pending, is_padded = b"", False
    for chunk in chunks:
        letters = pending + chunk.translate(_BASE64_LETTERS, _WHITESPACE)
        if is_padded and letters.strip(b"="):
            raise FileCorrupt(_CORRUPT)  # something after the padding
        if b"=" in letters:
            stripped = letters.rstrip(b"=")
            is_padded, letters = True, stripped
        usable = len(letters) // 4 * 4
        pending = letters[usable:]
        yield _decode_letters(letters[:usable])
    yield _decode_letters(pending + b"=" * (-len(pending) % 4))


def _decode_letters(letters: bytes) -> bytes:
    try:
        return binascii.a2b_base64(letters, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise FileCorrupt(_CORRUPT) from error
