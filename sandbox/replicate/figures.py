"""Figures: the photo that was given, as the head of a drawn person in different poses."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from sandbox.replicate.drawing import (
    SUPERSAMPLING,
    Colour,
    Point,
    disc,
    encode,
    gradient,
    labelled,
    limb,
    mean_colour,
    mixed,
    palette,
    square,
)

SIZE = (768, 1024)
_WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How the figure stands. Points are in shares of the sheet's width and height; arms go elbow, hand."""

    name: str
    left: tuple[Point, Point]
    right: tuple[Point, Point]
    tilt: float = 0
    mirrored: bool = False
    head: float = 0.46  # the head's diameter in shares of the width
    at: Point = (0.5, 0.37)


_DOWN_LEFT, _DOWN_RIGHT = ((0.16, 0.8), (0.17, 0.98)), ((0.84, 0.8), (0.83, 0.98))

POSES: Sequence[Pose] = (
    Pose(name="Facing forward", left=_DOWN_LEFT, right=_DOWN_RIGHT),
    Pose(name="Waving", left=_DOWN_LEFT, right=((0.93, 0.62), (0.86, 0.36)), tilt=-8),
    Pose(name="Hands on hips", left=((0.07, 0.78), (0.3, 0.88)), right=((0.93, 0.78), (0.7, 0.88)), mirrored=True),
    Pose(name="Thinking", left=((0.16, 0.8), (0.5, 0.84)), right=((0.84, 0.82), (0.58, 0.6)), tilt=14),
    Pose(name="Close-up headshot", left=_DOWN_LEFT, right=_DOWN_RIGHT, head=0.74, at=(0.5, 0.4), mirrored=True),
    Pose(name="Cheering", left=((0.08, 0.5), (0.13, 0.2)), right=((0.92, 0.5), (0.87, 0.2)), at=(0.5, 0.4)),
    Pose(name="Arms crossed", left=((0.14, 0.8), (0.66, 0.79)), right=((0.86, 0.82), (0.34, 0.77)), tilt=-5),
    Pose(
        name="Pointing up", left=((0.08, 0.56), (0.2, 0.22)), right=((0.93, 0.78), (0.7, 0.88)), tilt=9, mirrored=True
    ),
    Pose(name="Leaning in", left=_DOWN_LEFT, right=((0.9, 0.74), (0.62, 0.84)), tilt=22, at=(0.42, 0.4), head=0.52),
    Pose(
        name="Looking away",
        left=((0.1, 0.78), (0.4, 0.82)),
        right=_DOWN_RIGHT,
        tilt=-18,
        mirrored=True,
        at=(0.56, 0.36),
    ),
)


def draw_pose(subject: Image.Image, pose: Pose, *, prompt: str, seed: str) -> Image.Image:
    """Return a sheet with ``subject`` as the head of a figure in ``pose``, labelled with the pose and the prompt."""
    width, height = SIZE[0] * SUPERSAMPLING, SIZE[1] * SUPERSAMPLING
    light, middle, deep = palette(f"{seed}:{pose.name}")
    sheet = gradient((width, height), mixed(light, _WHITE, 0.55), middle)
    draw = ImageDraw.Draw(sheet)
    _halo(draw, pose, (width, height), mixed(light, _WHITE, 0.8))
    _body(draw, pose, (width, height), mixed(mean_colour(subject), deep, 0.45))
    _head(sheet, subject, pose)
    return labelled(sheet.resize(SIZE, Image.Resampling.LANCZOS), pose.name, prompt)


def portrait(seed: str) -> bytes:
    """Return a drawn face as a webp; it stands in for a photo that cannot be fetched."""
    side = 512 * SUPERSAMPLING
    digest = hashlib.sha256(seed.encode()).digest()
    light, _, deep = palette(seed)
    skin = mixed((255, 219, 189), (112, 72, 48), digest[2] / 255)
    hair = mixed((40, 28, 24), (214, 172, 96), digest[3] / 255)
    sheet = gradient((side, side), mixed(light, _WHITE, 0.6), light)
    draw = ImageDraw.Draw(sheet)

    def oval(x: float, y: float, across: float, down: float, colour: Colour) -> None:
        box = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
        draw.ellipse([value * side for value in box], fill=colour)

    oval(0.5, 1.02, 0.8, 0.5, deep)
    oval(0.5, 0.42, 0.56, 0.66, hair)
    oval(0.5, 0.7, 0.16, 0.24, mixed(skin, hair, 0.15))
    oval(0.5, 0.49, 0.42, 0.52, skin)
    oval(0.5, 0.25, 0.44, 0.2, hair)
    for x in (0.41, 0.59):
        oval(x, 0.47, 0.045, 0.055, (40, 36, 44))
    draw.arc([0.42 * side, 0.52 * side, 0.58 * side, 0.66 * side], 20, 160, fill=(150, 62, 62), width=side // 70)
    return encode(sheet.resize((512, 512), Image.Resampling.LANCZOS))


def _halo(draw: ImageDraw.ImageDraw, pose: Pose, size: tuple[int, int], colour: Colour) -> None:
    x, y = pose.at[0] * size[0], pose.at[1] * size[1]
    radius = size[0] * (pose.head * 0.5 + 0.13)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _body(draw: ImageDraw.ImageDraw, pose: Pose, size: tuple[int, int], colour: Colour) -> None:
    width, height = size
    shade = mixed(colour, (0, 0, 0), 0.18)
    box = [0.22 * width, 0.6 * height, 0.78 * width, 1.2 * height]
    draw.rounded_rectangle(box, radius=width * 0.17, fill=colour)
    neck = [pose.at[0] * width - width * 0.07, 0.5 * height, pose.at[0] * width + width * 0.07, 0.66 * height]
    draw.rounded_rectangle(neck, radius=width * 0.05, fill=shade)
    for shoulder, arm in (((0.3, 0.68), pose.left), ((0.7, 0.68), pose.right)):
        points = [(x * width, y * height) for x, y in (shoulder, *arm)]
        limb(draw, points, width=round(width * 0.105), colour=shade)
        x, y = points[-1]
        radius = width * 0.06
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mixed(colour, _WHITE, 0.55))


def _head(sheet: Image.Image, subject: Image.Image, pose: Pose) -> None:
    side = round(sheet.width * pose.head)
    ring = round(side * 0.03)
    photo = square(subject, side)
    if pose.mirrored:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    photo = photo.rotate(pose.tilt, Image.Resampling.BICUBIC)
    left, top = round(pose.at[0] * sheet.width - side / 2), round(pose.at[1] * sheet.height - side / 2)
    sheet.paste(_WHITE, (left - ring, top - ring), disc(side + 2 * ring))
    sheet.paste(photo, (left, top), disc(side))
