"""Images drawn with Pillow: posters, poses and portraits.

They are drawn at twice their size and shrunk, because Pillow does not antialias shapes.
"""

import colorsys
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont

LABEL = "drawn, not generated"
SUPERSAMPLING = 2
MAX_INPUT_PIXELS = 64_000_000

Colour = tuple[int, int, int]
Point = tuple[float, float]

_FORMATS = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}
_INK: Colour = (32, 33, 42)
_PAPER: Colour = (250, 249, 246)
_WHITE: Colour = (255, 255, 255)
_DARK: Colour = (28, 30, 54)

POSE_SIZE = (768, 1024)
POSTER_SIZE = (768, 768)
_LEFT_ARM_DOWN, _RIGHT_ARM_DOWN = ((0.16, 0.8), (0.17, 0.98)), ((0.84, 0.8), (0.83, 0.98))


class InvalidImage(Exception):
    """The bytes are not an image that can be used."""


def open_image(data: bytes, *, side: int = 1024) -> Image.Image:
    """Decode ``data`` and shrink it to ``side`` × ``side`` at most; raise InvalidImage if it is not an image."""
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_INPUT_PIXELS:
            raise InvalidImage("The image has too many pixels.")
        image.draft("RGB", (side, side))
        image.thumbnail((side, side))
        return _flatten(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidImage("cannot identify image file") from error


def encode_image(image: Image.Image, *, format: str = "webp", quality: int = 80) -> bytes:  # noqa: A002 -- the name in model inputs
    """Return ``image`` as webp, jpg or png; ``quality`` applies to the first two."""
    out = io.BytesIO()
    options = {} if format == "png" else {"quality": max(1, quality)}
    image.save(out, _FORMATS[format], **options)
    return out.getvalue()


def choose_palette(seed: str, *, count: int = 3) -> tuple[Colour, ...]:
    """Return colours that match, chosen by ``seed``."""
    digest = hashlib.sha256(seed.encode()).digest()
    hue = digest[0] / 255
    return tuple(_hsv_colour(hue + index * 0.09, 0.35 + digest[1] / 900, 0.95 - index * 0.14) for index in range(count))


def mix_colours(one: Colour, other: Colour, share: float) -> Colour:
    """Return ``one`` with the fraction ``share`` (0–1) of ``other`` mixed in."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def draw_gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """Return an image with a vertical gradient."""
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def mean_colour(image: Image.Image) -> Colour:
    """Return the average colour of ``image``."""
    pixel = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    if not isinstance(pixel, tuple):
        raise InvalidImage("The image has no colours.")
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def crop_square(image: Image.Image, side: int) -> Image.Image:
    """Return the middle of ``image`` as a square of ``side``; of a tall image the upper part, where faces are."""
    short = min(image.size)
    left = (image.width - short) // 2
    top = (image.height - short) // 5
    return image.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS)


def circle_mask(side: int) -> Image.Image:
    """Return the mask of a circle with the diameter ``side``."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    return mask


def draw_limb(draw: ImageDraw.ImageDraw, points: list[Point], *, width: int, colour: Colour) -> None:
    """Draw a thick line with round ends and joints."""
    draw.line(points, fill=colour, width=width)
    for x, y in points:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def draw_label(image: Image.Image, title: str, text: str) -> Image.Image:
    """Return ``image`` with a footer: the title, one line of text, and a note that it is drawn, not generated."""
    width, height = image.size
    band = max(96, height // 9)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - band, width, height), fill=_PAPER)
    large, small = load_font(band * 30 // 100), load_font(band * 20 // 100)
    margin = band // 4
    draw.text((margin, height - band + margin * 0.7), title, font=large, fill=_INK)
    draw.text((width - margin, height - band + margin * 0.9), LABEL, font=small, fill=(130, 130, 140), anchor="ra")
    line = next(_wrapped_lines(text, small, width - 2 * margin), "")
    draw.text((margin, height - margin * 0.8), line, font=small, fill=(90, 92, 104), anchor="ls")
    return image


def wrap_text(text: str, font: ImageFont.FreeTypeFont, width: int, *, lines: int) -> str:
    """Return ``text`` wrapped at ``width`` pixels, at most ``lines`` lines of it."""
    return "\n".join(line for _, line in zip(range(lines), _wrapped_lines(text, font, width), strict=False))


@lru_cache(maxsize=32)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font in ``size`` pixels."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise InvalidImage("This build of Pillow has no FreeType, so it cannot draw text.")
    return font


def _flatten(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    canvas = Image.new("RGBA", image.size, (*_PAPER, 255))
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")


def _wrapped_lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    words = " ".join(text.split())[:2000].split()
    line = ""
    for word in words:
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _hsv_colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(1, saturation), max(0, value))
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_poster(prompt: str, *, seed: str, size: tuple[int, int] = POSTER_SIZE, title: str = "Poster") -> Image.Image:
    """Return a landscape of hills under a sun, with ``prompt`` written in the sky."""
    width, height = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    digest = hashlib.sha256(f"{prompt}:{seed}".encode()).digest()
    light, middle, deep = choose_palette(f"{prompt}:{seed}")
    canvas = draw_gradient((width, height), mix_colours(light, _WHITE, 0.35), mix_colours(middle, _WHITE, 0.1))
    draw = ImageDraw.Draw(canvas)
    _draw_sun(draw, (width, height), digest)
    for layer in range(4):
        _draw_hills(draw, (width, height), digest, layer, mix_colours(deep, _DARK, 0.12 + layer * 0.2))
    font = load_font(max(20, min(width, height) // 16))
    text = wrap_text(prompt, font, round(width * 0.86), lines=3)
    draw.multiline_text((width * 0.07, height * 0.07), text, font=font, fill=_DARK, spacing=font.size // 4)
    return draw_label(canvas.resize(size, Image.Resampling.LANCZOS), title, prompt)


def enlarge_image(image: Image.Image, scale: float, *, limit: int = 4096) -> Image.Image:
    """Return ``image`` scaled by ``scale`` and sharpened, no side over ``limit``, with a note in the corner."""
    factor = min(scale, limit / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    larger = image.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(radius=2, percent=80))
    font = load_font(max(14, min(size) // 28))
    note = f"{factor:g}x · resized, not generated"
    draw = ImageDraw.Draw(larger)
    margin = font.size // 2
    left, top, right, bottom = draw.textbbox((size[0] - margin, size[1] - margin), note, font=font, anchor="rd")
    draw.rectangle((left - margin, top - margin, right + margin, bottom + margin), fill=_DARK)
    draw.text((size[0] - margin, size[1] - margin), note, font=font, fill=_WHITE, anchor="rd")
    return larger


def _draw_sun(draw: ImageDraw.ImageDraw, size: tuple[int, int], digest: bytes) -> None:
    x = size[0] * (0.2 + digest[4] / 255 * 0.6)
    y, radius = size[1] * 0.42, min(size) * 0.13
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 248, 226))


def _draw_hills(draw: ImageDraw.ImageDraw, size: tuple[int, int], digest: bytes, layer: int, colour: Colour) -> None:
    width, height = size
    base = height * (0.52 + layer * 0.11)
    phase, swell = digest[8 + layer] / 40, height * (0.07 - layer * 0.01)
    steps = 64

    def crest(step: int) -> float:
        share = step / steps
        return base + swell * (math.sin(share * 5 + phase) + 0.4 * math.sin(share * 13 + phase * 3))

    line = [(width * step / steps, crest(step)) for step in range(steps + 1)]
    draw.polygon([(0, height), *line, (width, height)], fill=colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How the figure stands. Points are fractions of the width and height; an arm is its elbow and its hand."""

    name: str
    left: tuple[Point, Point]
    right: tuple[Point, Point]
    tilt: float = 0
    mirrored: bool = False
    head: float = 0.46  # the head's diameter as a fraction of the width
    at: Point = (0.5, 0.37)


POSES: Sequence[Pose] = (
    Pose(name="Facing forward", left=_LEFT_ARM_DOWN, right=_RIGHT_ARM_DOWN),
    Pose(name="Waving", left=_LEFT_ARM_DOWN, right=((0.93, 0.62), (0.86, 0.36)), tilt=-8),
    Pose(name="Hands on hips", left=((0.07, 0.78), (0.3, 0.88)), right=((0.93, 0.78), (0.7, 0.88)), mirrored=True),
    Pose(name="Thinking", left=((0.16, 0.8), (0.5, 0.84)), right=((0.84, 0.82), (0.58, 0.6)), tilt=14),
    Pose(name="Close-up headshot", left=_LEFT_ARM_DOWN, right=_RIGHT_ARM_DOWN, head=0.74, at=(0.5, 0.4), mirrored=True),
    Pose(name="Cheering", left=((0.08, 0.5), (0.13, 0.2)), right=((0.92, 0.5), (0.87, 0.2)), at=(0.5, 0.4)),
    Pose(name="Arms crossed", left=((0.14, 0.8), (0.66, 0.79)), right=((0.86, 0.82), (0.34, 0.77)), tilt=-5),
    Pose(
        name="Pointing up", left=((0.08, 0.56), (0.2, 0.22)), right=((0.93, 0.78), (0.7, 0.88)), tilt=9, mirrored=True
    ),
    Pose(name="Leaning in", left=_LEFT_ARM_DOWN, right=((0.9, 0.74), (0.62, 0.84)), tilt=22, at=(0.42, 0.4), head=0.52),
    Pose(
        name="Looking away",
        left=((0.1, 0.78), (0.4, 0.82)),
        right=_RIGHT_ARM_DOWN,
        tilt=-18,
        mirrored=True,
        at=(0.56, 0.36),
    ),
)


def draw_pose(
    subject: Image.Image, pose: Pose, *, prompt: str, seed: str, size: tuple[int, int] = POSE_SIZE
) -> Image.Image:
    """Return an image with ``subject`` as the head of a figure in ``pose``, labelled with the pose and the prompt."""
    width, height = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    light, middle, deep = choose_palette(f"{seed}:{pose.name}")
    canvas = draw_gradient((width, height), mix_colours(light, _WHITE, 0.55), middle)
    draw = ImageDraw.Draw(canvas)
    _draw_halo(draw, pose, (width, height), mix_colours(light, _WHITE, 0.8))
    _draw_body(draw, pose, (width, height), mix_colours(mean_colour(subject), deep, 0.45))
    _draw_head(canvas, subject, pose)
    return draw_label(canvas.resize(size, Image.Resampling.LANCZOS), pose.name, prompt)


def draw_portrait(seed: str) -> bytes:
    """Return a drawn face as a webp, in place of a photo that cannot be fetched."""
    side = 512 * SUPERSAMPLING
    digest = hashlib.sha256(seed.encode()).digest()
    light, _, deep = choose_palette(seed)
    skin = mix_colours((255, 219, 189), (112, 72, 48), digest[2] / 255)
    hair = mix_colours((40, 28, 24), (214, 172, 96), digest[3] / 255)
    canvas = draw_gradient((side, side), mix_colours(light, _WHITE, 0.6), light)
    draw = ImageDraw.Draw(canvas)

    def oval(x: float, y: float, across: float, down: float, colour: Colour) -> None:
        box = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
        draw.ellipse([value * side for value in box], fill=colour)

    oval(0.5, 1.02, 0.8, 0.5, deep)
    oval(0.5, 0.42, 0.56, 0.66, hair)
    oval(0.5, 0.7, 0.16, 0.24, mix_colours(skin, hair, 0.15))
    oval(0.5, 0.49, 0.42, 0.52, skin)
    oval(0.5, 0.25, 0.44, 0.2, hair)
    for x in (0.41, 0.59):
        oval(x, 0.47, 0.045, 0.055, (40, 36, 44))
    draw.arc([0.42 * side, 0.52 * side, 0.58 * side, 0.66 * side], 20, 160, fill=(150, 62, 62), width=side // 70)
    return encode_image(canvas.resize((512, 512), Image.Resampling.LANCZOS))


def _draw_halo(draw: ImageDraw.ImageDraw, pose: Pose, size: tuple[int, int], colour: Colour) -> None:
    x, y = pose.at[0] * size[0], pose.at[1] * size[1]
    radius = size[0] * (pose.head * 0.5 + 0.13)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _draw_body(draw: ImageDraw.ImageDraw, pose: Pose, size: tuple[int, int], colour: Colour) -> None:
    width, height = size
    shade = mix_colours(colour, (0, 0, 0), 0.18)
    box = [0.22 * width, 0.6 * height, 0.78 * width, 1.2 * height]
    draw.rounded_rectangle(box, radius=width * 0.17, fill=colour)
    neck = [pose.at[0] * width - width * 0.07, 0.5 * height, pose.at[0] * width + width * 0.07, 0.66 * height]
    draw.rounded_rectangle(neck, radius=width * 0.05, fill=shade)
    for shoulder, arm in (((0.3, 0.68), pose.left), ((0.7, 0.68), pose.right)):
        points = [(x * width, y * height) for x, y in (shoulder, *arm)]
        draw_limb(draw, points, width=round(width * 0.105), colour=shade)
        x, y = points[-1]
        radius = width * 0.06
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mix_colours(colour, _WHITE, 0.55))


def _draw_head(canvas: Image.Image, subject: Image.Image, pose: Pose) -> None:
    side = round(canvas.width * pose.head)
    ring = round(side * 0.03)
    photo = crop_square(subject, side)
    if pose.mirrored:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    photo = photo.rotate(pose.tilt, Image.Resampling.BICUBIC)
    left, top = round(pose.at[0] * canvas.width - side / 2), round(pose.at[1] * canvas.height - side / 2)
    canvas.paste(_WHITE, (left - ring, top - ring), circle_mask(side + 2 * ring))
    canvas.paste(photo, (left, top), circle_mask(side))
