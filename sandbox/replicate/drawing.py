"""Drawing: the paper, the pens and the label of every picture that the stand-in makes.

Pictures are drawn at twice their size and shrunk, which is how Pillow gets smooth edges.
"""

import colorsys
import hashlib
import io
from collections.abc import Iterator
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

LABEL = "drawn, not generated"
SUPERSAMPLING = 2
MAX_INPUT_PIXELS = 64_000_000

Colour = tuple[int, int, int]
Point = tuple[float, float]

_FORMATS = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}
_INK: Colour = (32, 33, 42)
_PAPER: Colour = (250, 249, 246)


class NotAPicture(Exception):
    """The bytes are no picture that can be drawn with."""


def open_picture(data: bytes, *, side: int = 1024) -> Image.Image:
    """Return the picture in ``data``, no larger than ``side`` either way; NotAPicture when it is none."""
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_INPUT_PIXELS:
            raise NotAPicture("The picture has too many pixels.")
        image.draft("RGB", (side, side))
        image.thumbnail((side, side))
        return _opaque(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture("cannot identify image file") from error


def encode(image: Image.Image, *, format: str = "webp", quality: int = 80) -> bytes:  # noqa: A002 -- as inputs call it
    """Return ``image`` as webp, jpg or png; ``quality`` counts for the first two."""
    out = io.BytesIO()
    options = {} if format == "png" else {"quality": max(1, quality)}
    image.save(out, _FORMATS[format], **options)
    return out.getvalue()


def palette(seed: str, *, count: int = 3) -> tuple[Colour, ...]:
    """Return colours that go together, chosen by ``seed``."""
    digest = hashlib.sha256(seed.encode()).digest()
    hue = digest[0] / 255
    return tuple(_colour(hue + index * 0.09, 0.35 + digest[1] / 900, 0.95 - index * 0.14) for index in range(count))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return ``share`` of ``other`` mixed into ``one``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """Return a sheet that runs from one colour at the top to another at the bottom."""
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def mean_colour(image: Image.Image) -> Colour:
    """Return the colour that ``image`` has on the whole."""
    pixel = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    if not isinstance(pixel, tuple):
        raise NotAPicture("The picture has no colours.")
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def square(image: Image.Image, side: int) -> Image.Image:
    """Return the middle of ``image`` as a square of ``side``; a tall picture keeps its upper part, where faces are."""
    short = min(image.size)
    left = (image.width - short) // 2
    top = (image.height - short) // 5
    return image.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS)


def disc(side: int) -> Image.Image:
    """Return the mask of a circle."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    return mask


def limb(draw: ImageDraw.ImageDraw, points: list[Point], *, width: int, colour: Colour) -> None:
    """Draw a thick line with round ends and joints."""
    draw.line(points, fill=colour, width=width)
    for x, y in points:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def labelled(image: Image.Image, title: str, text: str) -> Image.Image:
    """Return ``image`` with a band at its foot: the title, one line of text, and that it is drawn, not generated."""
    width, height = image.size
    band = max(96, height // 9)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - band, width, height), fill=_PAPER)
    large, small = font(band * 30 // 100), font(band * 20 // 100)
    margin = band // 4
    draw.text((margin, height - band + margin * 0.7), title, font=large, fill=_INK)
    draw.text((width - margin, height - band + margin * 0.9), LABEL, font=small, fill=(130, 130, 140), anchor="ra")
    line = next(_lines(text, small, width - 2 * margin), "")
    draw.text((margin, height - margin * 0.8), line, font=small, fill=(90, 92, 104), anchor="ls")
    return image


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: int, *, lines: int) -> str:
    """Return ``text`` broken into at most ``lines`` lines of ``width``."""
    return "\n".join(line for _, line in zip(range(lines), _lines(text, face, width), strict=False))


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow, in ``size`` pixels."""
    face = ImageFont.load_default(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise NotAPicture("This Pillow was built without FreeType and cannot write.")
    return face


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    sheet = Image.new("RGBA", image.size, (*_PAPER, 255))
    sheet.alpha_composite(image.convert("RGBA"))
    return sheet.convert("RGB")


def _lines(text: str, face: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    words = " ".join(text.split())[:2000].split()
    line = ""
    for word in words:
        longer = f"{line} {word}".strip()
        if line and face.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(1, saturation), max(0, value))
    return round(red * 255), round(green * 255), round(blue * 255)
