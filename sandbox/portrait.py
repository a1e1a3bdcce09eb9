"""A sample portrait to try the bot with, drawn by code, so that no real face is needed."""

import io
from functools import cache

from PIL import Image, ImageDraw

_SIDE = 640
_SCALE = 2  # drawn larger and scaled down, because Pillow does not antialias lines


@cache
def draw_portrait() -> bytes:
    """Return a PNG of 640 × 640 pixels: a person with short hair, round glasses and a green jumper."""
    image = Image.new("RGB", (_SIDE * _SCALE, _SIDE * _SCALE), "#f3e3cf")
    pen = ImageDraw.Draw(image)
    _ellipse(pen, (320, 250, 420, 420), "#e8cfae")  # background circle
    _ellipse(pen, (320, 640, 430, 360), "#2f6f5e")  # jumper
    pen.rounded_rectangle(_box(320, 470, 110, 150), radius=40 * _SCALE, fill="#d9a684")  # neck
    _ellipse(pen, (320, 262, 290, 290), "#43302b")  # hair
    _ellipse(pen, (320, 320, 230, 290), "#e6b592")  # face
    _ellipse(pen, (320, 215, 250, 90), "#43302b")  # fringe
    for side in (-1, 1):
        x = 320 + side * 54
        _ellipse(pen, (x, 318, 78, 78), "#f7efe6")
        _ellipse(pen, (x + 4, 320, 26, 30), "#33261f")
        _ellipse(pen, (x + 9, 313, 8, 8), "#ffffff")
        pen.ellipse(_box(x, 318, 78, 78), outline="#33261f", width=6 * _SCALE)
        _ellipse(pen, (320 + side * 82, 384, 38, 22), "#e29c82")  # cheeks
    pen.line(_points((305, 318), (335, 318)), fill="#33261f", width=6 * _SCALE)
    pen.arc(_box(320, 372, 36, 40), 30, 150, fill="#b57a5a", width=5 * _SCALE)  # nose
    pen.arc(_box(320, 400, 96, 60), 20, 160, fill="#a2493f", width=8 * _SCALE)  # smile
    out = io.BytesIO()
    image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _box(x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the corners of a box around a point, in pixels of the larger drawing."""
    left, top = x - width // 2, y - height // 2
    return left * _SCALE, top * _SCALE, (left + width) * _SCALE, (top + height) * _SCALE


def _ellipse(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], color: str) -> None:
    pen.ellipse(_box(*box), fill=color)


def _points(*points: tuple[int, int]) -> list[tuple[int, int]]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]
