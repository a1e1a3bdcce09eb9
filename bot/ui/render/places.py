"""The places of pictures that are still to come, so that a card has its size from its first second on. Pure.

Nothing below the pictures moves when one arrives: it takes a place that was there. A place is a small picture of ours,
with nothing but three dots, in the shape that the picture will have as far as the input tells.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Any, Final

from bot.language import _
from bot.limits import GALLERY_ITEMS
from bot.media.dimensions import read_dimensions
from bot.media.types import Media
from bot.outputs.output_schema import MEDIA_TYPE, lists_files, output_type
from bot.store.models import Run

_LONG_SIDE: Final = 1024  # pixels: as wide as a gallery on any screen
_STEP: Final = 64  # pixels; of the shorter side, so that there are few different pictures
_NARROWEST: Final = 0.3  # the short side of a picture as a share of the long one; what is narrower is no picture

_RATIO: Final = re.compile(r"\s*(\d{1,4})\s*[:x×*/]\s*(\d{1,4})\s*", re.ASCII | re.IGNORECASE)
_RATIO_INPUTS: Final = ("aspect_ratio", "image_size", "size", "resolution", "aspect", "ratio")

_NAME: Final = re.compile(r"place-\d+\.png", re.ASCII)
_DOT_RADIUS: Final = 14
_DOT_DISTANCE: Final = 52
# Grey on whatever is behind it, in dark and light clients alike: the ground and, stronger, the dots.
_GREY: Final = bytes((128, 132, 142))
_ALPHA: Final = bytes((44, 110))


@dataclass(frozen=True, slots=True)
class PicturePlaces:
    """How many places a card has, and the size of the picture in each, in pixels."""

    count: int
    width: int
    height: int

    def picture(self) -> bytes:
        """Return what stands in a place, as a PNG of less than 2 kB."""
        return draw_place(self.width, self.height)


def find_places(run: Run, thumbnail: Media | str | None) -> PicturePlaces | None:
    """Return the places that a run's pictures will need; None if it is not known that it makes pictures.

    Lists of files are nearly always pictures, where nothing else is said; how many come is known from the input, else
    one place is kept.
    ``thumbnail`` is the input image: without any other hint, what is made of it has its shape.
    """
    is_list = lists_files(run.output_schema)
    if not is_list and not output_type(run.output_schema).is_file:
        return None
    media_type = run.output_schema.get(MEDIA_TYPE)
    if not (is_list if media_type is None else str(media_type).startswith("image/")):
        return None
    count = min(run.expected or 1, GALLERY_ITEMS) if is_list else 1
    width, height = _find_shape(run.input) or (_shape_of(thumbnail) if count == 1 else None) or (1, 1)
    return PicturePlaces(count, *_fit(width, height))


def place_name(number: int) -> str:
    """Return the upload name of the picture in a place, counted from 1."""
    return f"place-{number}.png"


def is_place_name(name: str) -> bool:
    """Return whether a file of this name is, or could be taken for, the picture in a place."""
    return _NAME.fullmatch(name) is not None


def describe_place(number: int, total: int) -> str:
    """Return the alt text of a place."""
    if total == 1:
        return _("The image is on its way")
    return _("Image {number} of {total} is on its way").format(number=number, total=total)


def _find_shape(given: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return width and height, or their ratio, if the input names them."""
    sides = [given.get("width"), given.get("height")]
    width, height = (one if isinstance(one, int) and not isinstance(one, bool) else 0 for one in sides)
    if width > 0 and height > 0:
        return width, height
    for name in _RATIO_INPUTS:
        value = given.get(name)
        match = _RATIO.fullmatch(value) if isinstance(value, str) else None
        if match is not None and int(match[1]) and int(match[2]):
            return int(match[1]), int(match[2])
    return None


def _shape_of(thumbnail: Media | str | None) -> tuple[int, int] | None:
    return read_dimensions(thumbnail.data, thumbnail.type) if isinstance(thumbnail, Media) else None


def _fit(width: int, height: int) -> tuple[int, int]:
    """Return the size of a picture of this ratio, in few different steps."""
    share = max(min(width, height) / max(width, height), _NARROWEST)
    short = max(_STEP, round(_LONG_SIDE * share / _STEP) * _STEP)
    return (_LONG_SIDE, short) if width >= height else (short, _LONG_SIDE)


@lru_cache(maxsize=64)
def draw_place(width: int, height: int) -> bytes:
    """Return three dots on an even ground as a PNG with a palette of two colours (W3C PNG, 11.2)."""
    rows = b"".join(b"\0" + row for row in _draw_rows(width, height))  # 0: each row as it is, without a filter
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)  # 1 bit a pixel, by palette
    chunks = (
        (b"IHDR", header),
        (b"PLTE", _GREY * 2),
        (b"tRNS", _ALPHA),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _draw_rows(width: int, height: int) -> Iterator[bytes]:
    """Yield the rows of pixels, each packed into bits."""
    size = -(-width // 8)
    blank = bytes(size)
    for y in range(height):
        above = y - height // 2
        if abs(above) > _DOT_RADIUS:
            yield blank
            continue
        half = isqrt(_DOT_RADIUS**2 - above**2)
        bits = 0
        for dot in (-1, 0, 1):
            centre = width // 2 + dot * _DOT_DISTANCE
            run = (1 << (2 * half + 1)) - 1
            bits |= run << (size * 8 - 1 - (centre + half))
        yield bits.to_bytes(size, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
