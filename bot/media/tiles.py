"""Tiles that stand for what has no small picture, so that a page of nine stays a square of nine."""

import io
from functools import cache
from typing import Final

from PIL import Image, ImageDraw

from bot.limits import THUMBNAIL_SIDE
from bot.media.types import MediaKind

_GROUND: Final = (43, 45, 49)  # of Discord's dark theme; on the light one it is a dark tile
_SIGN: Final = (148, 155, 164)
_SCALE: Final = 4  # drawn larger and scaled down, for smooth edges


@cache
def draw_tile(kind: MediaKind, *, gone: bool = False) -> bytes:
    """Return a WebP tile with the sign of a kind; ``gone``: of a result that was deleted. A millisecond, once each."""
    side = THUMBNAIL_SIDE * _SCALE
    image = Image.new("RGB", (side, side), _GROUND)
    draw = ImageDraw.Draw(image)
    if gone:
        _draw_cross(draw, side)
    else:
        _SIGNS.get(kind, _draw_sheet)(draw, side)
    buffer = io.BytesIO()
    image.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS).save(buffer, "webp", quality=80)
    return buffer.getvalue()


def _draw_picture(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.rounded_rectangle(_box(side, 0.3, 0.34, 0.7, 0.66), side // 32, outline=_SIGN, width=side // 48)
    draw.polygon(_points(side, (0.34, 0.62), (0.46, 0.46), (0.54, 0.56), (0.6, 0.5), (0.66, 0.62)), fill=_SIGN)
    draw.ellipse(_box(side, 0.57, 0.39, 0.63, 0.45), fill=_SIGN)


def _draw_triangle(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.polygon(_points(side, (0.41, 0.34), (0.41, 0.66), (0.67, 0.5)), fill=_SIGN)


def _draw_bars(draw: ImageDraw.ImageDraw, side: int) -> None:
    for number, height in enumerate((0.08, 0.2, 0.32, 0.16, 0.26, 0.1)):
        left = 0.31 + number * 0.07
        draw.rounded_rectangle(
            _box(side, left, 0.5 - height / 2, left + 0.035, 0.5 + height / 2), side // 60, fill=_SIGN
        )


def _draw_lines(draw: ImageDraw.ImageDraw, side: int) -> None:
    for number, right in enumerate((0.68, 0.62, 0.68, 0.5)):
        top = 0.37 + number * 0.075
        draw.rounded_rectangle(_box(side, 0.32, top, right, top + 0.03), side // 80, fill=_SIGN)


def _draw_sheet(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.polygon(_points(side, (0.38, 0.32), (0.54, 0.32), (0.64, 0.42), (0.64, 0.68), (0.38, 0.68)), outline=_SIGN,
                 width=side // 48)  # fmt: skip


def _draw_cross(draw: ImageDraw.ImageDraw, side: int) -> None:
    for start, end in (((0.4, 0.4), (0.6, 0.6)), ((0.6, 0.4), (0.4, 0.6))):
        draw.line(_points(side, start, end), fill=_SIGN, width=side // 32)


def _box(side: int, *parts: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = (part * side for part in parts)
    return left, top, right, bottom


def _points(side: int, *points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * side, y * side) for x, y in points]


_SIGNS: Final = {
    MediaKind.IMAGE: _draw_picture,
    MediaKind.VIDEO: _draw_triangle,
    MediaKind.AUDIO: _draw_bars,
    MediaKind.TEXT: _draw_lines,
}
