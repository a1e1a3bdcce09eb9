"""Remove what stands beside the pixels of a PNG, JPEG or WebP: texts, EXIF, profiles, previews. Pixels stay.

Programs that read an image refuse all of it when a text in it is too long or a checksum is wrong. The parts that are
needed to draw it are few and named by the formats.
"""

import struct
import zlib
from typing import Final

from bot.media.types import JPEG, PNG, WEBP, MediaType

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"})
_PNG_CRITICAL: Final = 0x20  # a bit of a chunk's first letter: not set in those that every reader needs
_JPEG_DROPPED: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})  # APP1–APP13, APP15, comments; not JFIF and Adobe
_JPEG_SCAN: Final = 0xDA
_JPEG_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})
_WEBP_DROPPED: Final = frozenset({b"EXIF", b"XMP ", b"ICCP"})
_VP8X_FLAGS: Final = 0x20 | 0x08 | 0x04  # the bits that announce these chunks


def strip_metadata(data: bytes, media_type: MediaType) -> bytes:
    """Return the image with its pixels only, or the same object if the format is another or its structure is broken."""
    try:
        if media_type == PNG:
            return _strip_png(data)
        if media_type == JPEG:
            return _strip_jpeg(data)
        return _strip_webp(data) if media_type == WEBP else data
    except (struct.error, IndexError):
        return data


def _strip_png(data: bytes) -> bytes:
    parts, position = [_PNG_SIGNATURE], len(_PNG_SIGNATURE)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in _PNG_KEPT:
            chunk = data[position:end]
            if kind[0] & _PNG_CRITICAL:  # a reader skips it if its checksum is wrong, but Pillow refuses the image
                chunk = chunk[:-4] + struct.pack(">I", zlib.crc32(chunk[4:-4]))
            parts.append(chunk)
        if kind == b"IEND":
            break
        position = end
    return b"".join(parts)


def _strip_jpeg(data: bytes) -> bytes:
    parts, position = [data[:2]], 2
    while position < len(data):
        if data[position] != 0xFF:
            return data
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        if marker == _JPEG_SCAN:
            break
        length = 0 if marker in _JPEG_WITHOUT_LENGTH else struct.unpack_from(">H", data, position + 2)[0]
        end = position + 2 + length
        if marker not in _JPEG_DROPPED:
            parts.append(data[position:end])
        position = end
    return b"".join((*parts, data[position:]))


def _strip_webp(data: bytes) -> bytes:
    parts, position = [], 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        chunk = data[position:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_VP8X_FLAGS]) + chunk[9:]
        if kind not in _WEBP_DROPPED:
            parts.append(chunk)
        position = end
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
