"""Read the width and height of an image from its first bytes, without decoding it."""

import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from bot.media.types import GIF, JPEG, PNG, WEBP, MediaType

_HEAD: Final = 32
_EXTENDED: Final = 30  # bytes of a WebP up to its height
_JPEG_SEGMENTS: Final = 200  # before the frame; more than cameras and editors write
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # DHT, JPG and DAC are no frames
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without a length

Dimensions = tuple[int, int]


def read_dimensions(source: Path | bytes, kind: MediaType) -> Dimensions | None:
    """Return width and height in pixels; None for another kind of file, a damaged one, or one that is gone."""
    if kind not in (PNG, GIF, WEBP, JPEG):
        return None
    try:
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            found = _read(file, kind)
    except (OSError, struct.error):
        return None
    return found if found is not None and min(found) > 0 else None


def _read(file: BinaryIO, kind: MediaType) -> Dimensions | None:
    if kind == JPEG:
        return _read_jpeg(file)
    head = file.read(_HEAD)
    if kind == PNG:
        return struct.unpack_from(">II", head, 16)
    if kind == GIF:
        return struct.unpack_from("<HH", head, 6)
    return _read_webp(head)


def _read_webp(head: bytes) -> Dimensions | None:
    """Read the first chunk: of an extended, a lossy or a lossless file (the WebP container specification)."""
    match head[12:16]:
        case b"VP8X" if len(head) >= _EXTENDED:
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            return None


def _read_jpeg(file: BinaryIO) -> Dimensions | None:
    """Walk over the segments before the first frame, whose header has the size."""
    file.seek(2)
    for _ in range(_JPEG_SEGMENTS):
        if file.read(1) != b"\xff":
            return None
        marker = file.read(1)
        while marker == b"\xff":  # fill bytes
            marker = file.read(1)
        if not marker:
            return None
        if marker[0] in _JPEG_BARE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker[0] in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", file.read(5), 1)
            return width, height
        file.seek(max(length - 2, 0), 1)
    return None
