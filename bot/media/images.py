"""Pictures, opened with care: nothing is decoded before its header was found to be harmless.

All functions are pure and use the CPU; call them in a thread. Pillow's own limits are global and warn instead of
refusing, so its format classes are opened directly and held to the limits below.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from bot.errors import ReplicordError
from bot.limits import MIB
from bot.media.sniff import AVIF, BMP, GIF, HEAD_BYTES, HEIC, ICO, JPEG, PNG, SVG, TIFF, WEBP, sniff
from bot.media.types import Media, MediaType

# 8192 × 8192: more than the largest photos of phones (50 MP) and the outputs of upscalers (8k). Decoded, a pixel
# takes four bytes: the largest picture holds 256 MB for as long as it is worked on.
MAX_PIXELS: Final = 2**26
# All frames of an animation together: about five seconds of decoding on a small machine.
MAX_FRAME_PIXELS: Final = 8 * MAX_PIXELS

_ORIENTATION: Final = 0x0112  # the EXIF tag
_WEBP_SIDE: Final = 16383  # the format's bound, in pixels
_JPEG_SIDE: Final = 65500  # likewise, less what libjpeg keeps back
_PROFILE_BYTES: Final = 64 * 1024  # a colour profile larger than this is not worth its room
_SMALLEST_SIDE: Final = 32  # in pixels; a smaller picture says nothing any more
_ANIMATION_BYTES: Final = 128 * MIB  # decoded frames that are held at once while an animation is made smaller

_OPENERS: Final[dict[MediaType, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    PNG: PngImagePlugin.PngImageFile,
    JPEG: JpegImagePlugin.JpegImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
    GIF: GifImagePlugin.GifImageFile,
    AVIF: AvifImagePlugin.AvifImageFile,
    BMP: BmpImagePlugin.BmpImageFile,
    TIFF: TiffImagePlugin.TiffImageFile,
}

# What Pillow's decoders raise at bytes that are not what they claim.
_DAMAGE: Final = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError,
    AssertionError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError, Warning,
)  # fmt: skip


class BadImage(ReplicordError):
    """These bytes cannot be used as a picture; the sentence says why."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture is: its size in pixels as stored, its frames, and whether EXIF says to turn it."""

    width: int
    height: int
    frames: int
    alpha: bool
    turned: bool


def probe_image(data: bytes) -> ImageInfo:
    """Return what the picture is, having decoded every frame of it once.

    Raises BadImage for what is no picture, damaged, cut short, or larger than ``MAX_PIXELS``.
    """
    with _opened(data) as image:
        info = ImageInfo(
            width=image.width,
            height=image.height,
            frames=_frames(image),
            alpha=image.has_transparency_data,
            turned=_orientation(image) != 1,
        )
        # A JPEG read at an eighth of its size is read to its last byte all the same, in a sixty-fourth of the memory.
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        for number in range(info.frames):
            image.seek(number)
            _check_size(image)
            image.load()
        return info


def apply_orientation(media: Media) -> Media:
    """Return the picture with its EXIF orientation applied; the same object when there is nothing to turn.

    Animations are returned as they are. Raises BadImage.
    """
    with _opened(media.data) as image:
        if _orientation(image) == 1 or _frames(image) > 1:
            return media
        form = media.type if media.type in _BEST else PNG
        return Media(
            name=f"{PurePath(media.name).stem}{form.suffix}" if form != media.type else media.name,
            type=form,
            data=_encode(_turned(image), form, **_BEST[form]),
        )


def make_thumbnail(media: Media, side: int = 256) -> Media:
    """Return the picture's first frame, upright, as a WebP that is at most ``side`` pixels wide and high.

    Raises BadImage.
    """
    with _opened(media.data) as image:
        image.draft(None, (side, side))
        small = _plain(_turned(image))
        small.thumbnail((side, side))
        data = _encode(small, WEBP, quality=80)
        return Media(name=f"{PurePath(media.name).stem}-small.webp", type=WEBP, data=data)


def shrink_image(data: bytes, limit: int) -> Media | None:
    """Return the picture in at most ``limit`` bytes: as it is, else at a lower quality, else also smaller.

    None when it is no usable picture or cannot be made that small. What is see-through stays so; an animation
    stays one or is not shrunk at all.
    """
    kind = sniff(data[:HEAD_BYTES])
    try:
        with _opened(data) as image:
            if len(data) <= limit:
                return Media(name=f"image{kind.suffix}", type=kind, data=data)
            smaller = _shrink_animation(image, limit) if _frames(image) > 1 else _shrink_still(image, limit)
    except BadImage:
        return None
    if smaller is None:
        return None
    form, encoded = smaller
    return Media(name=f"image{form.suffix}", type=form, data=encoded)


@contextmanager
def _opened(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """Open a picture, its header checked and nothing decoded; turn whatever goes wrong into BadImage."""
    kind = sniff(data[:HEAD_BYTES])
    opener = _OPENERS.get(kind)
    if opener is None:
        raise BadImage(_refusal(kind))
    try:
        with opener(io.BytesIO(data)) as image:
            _check_size(image)
            yield image
    except _DAMAGE as error:
        raise BadImage("The picture is damaged or incomplete; save it anew, or send it as PNG or JPEG.") from error


def _refusal(kind: MediaType) -> str:
    if kind in (HEIC, SVG, ICO):  # an ICO holds other files, whose sizes its own header does not tell
        return f"The picture is {kind.suffix[1:].upper()}, which cannot be read here; send it as PNG or JPEG."
    return "The file is not a picture; send a PNG, JPEG, WebP or GIF."


def _check_size(image: ImageFile.ImageFile) -> None:
    """Raise BadImage for a picture too large to decode; costs nothing, as only the header was read."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise BadImage(
            f"The picture has {image.width} × {image.height} pixels;"
            f" at most {MAX_PIXELS // 10**6} million can be used. Make it smaller."
        )
    if pixels * _frames(image) > MAX_FRAME_PIXELS:
        raise BadImage(f"The animation is too long: {_frames(image)} frames. Make it shorter or smaller.")


def _frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; damaged EXIF says nothing, so 1."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def _turned(image: Image.Image) -> Image.Image:
    """Return the picture as it is to be seen; the same object when it lies so already."""
    return image if _orientation(image) == 1 else ImageOps.exif_transpose(image)


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, or RGBA when something in it is see-through."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.point(lambda value: value / 256).convert("L").convert("RGB")  # 16 bits a sample, else clipped
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


_BEST: Final[dict[MediaType, dict[str, object]]] = {
    JPEG: {"quality": 95, "subsampling": 0},
    PNG: {},
    WEBP: {"quality": 95},
}


def _encode(image: Image.Image, form: MediaType, **settings: object) -> bytes:
    """Encode without EXIF (where and with what a photo was taken is nobody's business), colours kept."""
    profile = image.info.get("icc_profile")
    if profile and len(profile) <= _PROFILE_BYTES:
        settings["icc_profile"] = profile
    out = io.BytesIO()
    ready = image if form == PNG else _plain(image)
    ready.save(out, format=form.mime.removeprefix("image/"), **settings)
    return out.getvalue()


def _shrink_still(image: ImageFile.ImageFile, limit: int) -> tuple[MediaType, bytes] | None:
    """Lower the quality in steps, then scale by what the last try was too large, until it fits."""
    form = WEBP if image.has_transparency_data else JPEG  # JPEG encodes ten times as fast
    current = _plain(_turned(image))
    bound = _WEBP_SIDE if form == WEBP else _JPEG_SIDE
    current.thumbnail((bound, bound))
    for quality in (92, 85, 75):
        encoded = _encode(current, form, quality=quality)
        if len(encoded) <= limit:
            return form, encoded
    while min(current.size) > 1 and max(current.size) > _SMALLEST_SIDE:
        ratio = min(0.8, 0.95 * math.sqrt(limit / len(encoded)))
        side = max(_SMALLEST_SIDE, int(max(current.size) * ratio))
        current.thumbnail((side, side))
        encoded = _encode(current, form, quality=80)
        if len(encoded) <= limit:
            return form, encoded
    return None


def _shrink_animation(image: ImageFile.ImageFile, limit: int) -> tuple[MediaType, bytes] | None:
    """Make the animation a smaller WebP animation, or give up."""
    frames = _frames(image)
    for scale in (0.75, 0.5, 0.33):
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        if size[0] * size[1] * 4 * frames > _ANIMATION_BYTES or max(size) > _WEBP_SIDE:
            continue
        stills, durations = [], []
        for number in range(frames):
            image.seek(number)
            _check_size(image)
            stills.append(_plain(image).resize(size))
            durations.append(int(image.info.get("duration", 100)))
        out = io.BytesIO()
        stills[0].save(
            out, "webp", save_all=True, append_images=stills[1:], duration=durations,
            loop=image.info.get("loop", 0), quality=70, method=2,
        )  # fmt: skip
        if out.tell() <= limit:
            return WEBP, out.getvalue()
    return None
