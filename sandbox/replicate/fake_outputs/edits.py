"""What models make of a picture: changed as words say, cut out, moving, described. Drawn with Pillow, not generated."""

import hashlib
import math

from PIL import Image, ImageDraw, ImageFilter

from sandbox.replicate.fake_outputs.images import (
    LABEL,
    Colour,
    choose_palette,
    draw_label,
    encode_image,
    load_font,
    mean_colour,
    open_image,
)
from sandbox.replicate.fake_outputs.video import FRAMES, SIDE, Planes, encode_video

_TINT = 0.35  # of the colour that the words stand for
_ZOOM = 0.3  # of the side, at the end of a video
_COLOURS: tuple[tuple[str, Colour], ...] = (
    ("red", (200, 60, 60)), ("orange", (226, 140, 60)), ("yellow", (226, 200, 80)), ("green", (80, 160, 90)),
    ("blue", (70, 110, 200)), ("purple", (140, 90, 180)), ("pink", (226, 150, 180)), ("brown", (130, 95, 70)),
    ("grey", (128, 128, 128)), ("white", (240, 240, 240)), ("black", (24, 24, 28)),
)  # fmt: skip


def retouch_image(data: bytes, prompt: str, *, seed: str) -> bytes:
    """Return the picture in a light of its own for every prompt, with the words under it; raise InvalidImage."""
    image = open_image(data)
    colour = choose_palette(f"{prompt}:{seed}")[0]
    tinted = Image.blend(image, Image.new("RGB", image.size, colour), _TINT)
    return encode_image(draw_label(tinted, "Edited", prompt))


def cut_out_image(data: bytes) -> bytes:
    """Return the middle of the picture as a PNG with a transparent background; raise InvalidImage."""
    image = open_image(data)
    width, height = image.size
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).ellipse((width * 0.14, height * 0.1, width * 0.86, height * 0.9), fill=255)
    image.putalpha(mask.filter(ImageFilter.GaussianBlur(min(image.size) / 60)))
    font = load_font(max(14, min(image.size) // 30))
    ImageDraw.Draw(image).text((width / 2, height - font.size), LABEL, font=font, fill=(120, 120, 130), anchor="mm")
    return encode_image(image, format="png")


def animate_image(data: bytes) -> bytes:
    """Return a two-second MP4 that goes into the picture and back; raise InvalidImage."""
    image = open_image(data, side=SIDE * 2)
    return encode_video([_zoom(image, math.sin(math.pi * number / FRAMES)) for number in range(FRAMES)])


def describe_image(data: bytes) -> str:
    """Return a sentence about the size and the colours of the picture; raise InvalidImage."""
    image = open_image(data, side=256)
    width, height = image.size
    shape = "square" if width == height else "tall" if height > width else "wide"
    upper = _name_colour(mean_colour(image.crop((0, 0, width, height // 2))))
    lower = _name_colour(mean_colour(image.crop((0, height // 2, width, height))))
    colours = f"mostly {upper}" if upper == lower else f"{upper} above and {lower} below"
    detail = hashlib.sha256(data).digest()[0]
    return f"a {shape} picture, {colours}, {('soft', 'clear', 'warm', 'quiet')[detail % 4]} light"


def classify_image(data: bytes) -> dict[str, float]:
    """Return a made-up score for each label: tall pictures count as not safe; raise InvalidImage."""
    width, height = open_image(data, side=256).size
    return {"nsfw": 0.97, "normal": 0.03} if height > width else {"nsfw": 0.02, "normal": 0.98}


def _zoom(image: Image.Image, share: float) -> Planes:
    margin_x, margin_y = (round(side * _ZOOM * share / 2) for side in image.size)
    box = (margin_x, margin_y, image.width - margin_x, image.height - margin_y)
    frame = image.crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("YCbCr")
    luma, blue, red = frame.split()
    half = (SIDE // 2, SIDE // 2)
    # Studio range: 16 to 235 for Y, 16 to 240 for the others.
    return (
        luma.point(lambda value: 16 + value * 219 // 255).tobytes(),
        blue.resize(half).point(lambda value: 16 + value * 224 // 255).tobytes(),
        red.resize(half).point(lambda value: 16 + value * 224 // 255).tobytes(),
    )


def _name_colour(colour: Colour) -> str:
    return min(_COLOURS, key=lambda named: sum((a - b) ** 2 for a, b in zip(named[1], colour, strict=True)))[0]
