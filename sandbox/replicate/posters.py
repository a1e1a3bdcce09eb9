"""Posters: pictures made from words alone, and pictures made larger."""

import hashlib
import math

from PIL import Image, ImageDraw, ImageFilter

from sandbox.replicate.drawing import SUPERSAMPLING, Colour, font, gradient, labelled, mixed, palette, wrapped

_WHITE: Colour = (255, 255, 255)
_NIGHT: Colour = (28, 30, 54)


def draw_poster(prompt: str, *, seed: str, size: tuple[int, int] = (768, 768), title: str = "Poster") -> Image.Image:
    """Return a landscape of hills under a sun, with ``prompt`` written in its sky."""
    width, height = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    digest = hashlib.sha256(f"{prompt}:{seed}".encode()).digest()
    light, middle, deep = palette(f"{prompt}:{seed}")
    sheet = gradient((width, height), mixed(light, _WHITE, 0.35), mixed(middle, _WHITE, 0.1))
    draw = ImageDraw.Draw(sheet)
    _sun(draw, (width, height), digest)
    for layer in range(4):
        _hills(draw, (width, height), digest, layer, mixed(deep, _NIGHT, 0.12 + layer * 0.2))
    face = font(max(20, min(width, height) // 16))
    text = wrapped(prompt, face, round(width * 0.86), lines=3)
    draw.multiline_text((width * 0.07, height * 0.07), text, font=face, fill=_NIGHT, spacing=face.size // 4)
    return labelled(sheet.resize(size, Image.Resampling.LANCZOS), title, prompt)


def enlarge(image: Image.Image, scale: float, *, limit: int = 4096) -> Image.Image:
    """Return ``image`` in ``scale`` times its size, sharpened, no side over ``limit``; the corner says it is drawn."""
    factor = min(scale, limit / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    larger = image.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(radius=2, percent=80))
    face = font(max(14, min(size) // 28))
    words = f"{factor:g}x · resized, not generated"
    draw = ImageDraw.Draw(larger)
    margin = face.size // 2
    left, top, right, bottom = draw.textbbox((size[0] - margin, size[1] - margin), words, font=face, anchor="rd")
    draw.rectangle((left - margin, top - margin, right + margin, bottom + margin), fill=_NIGHT)
    draw.text((size[0] - margin, size[1] - margin), words, font=face, fill=_WHITE, anchor="rd")
    return larger


def _sun(draw: ImageDraw.ImageDraw, size: tuple[int, int], digest: bytes) -> None:
    x = size[0] * (0.2 + digest[4] / 255 * 0.6)
    y, radius = size[1] * 0.42, min(size) * 0.13
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 248, 226))


def _hills(draw: ImageDraw.ImageDraw, size: tuple[int, int], digest: bytes, layer: int, colour: Colour) -> None:
    width, height = size
    base = height * (0.52 + layer * 0.11)
    phase, swell = digest[8 + layer] / 40, height * (0.07 - layer * 0.01)
    steps = 64

    def crest(step: int) -> float:
        share = step / steps
        return base + swell * (math.sin(share * 5 + phase) + 0.4 * math.sin(share * 13 + phase * 3))

    line = [(width * step / steps, crest(step)) for step in range(steps + 1)]
    draw.polygon([(0, height), *line, (width, height)], fill=colour)
