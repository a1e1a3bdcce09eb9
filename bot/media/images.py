"""Inspect, turn and shrink images; nothing is decoded before its header shows that it is harmless.

All functions are pure and use the CPU: call them in a thread. Pillow's own limits are global and warn instead of
raising, so its format classes are opened directly and held to the limits below.
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
from bot.media.types import AVIF, BMP, GIF, HEAD_BYTES, HEIC, ICO, JPEG, PNG, SVG, TIFF, WEBP, Media, MediaType, sniff

# 8192 × 8192: more than the largest photos of phones (50 MP) and the outputs of upscalers (8k). A decoded pixel takes
# four bytes, so the largest image takes 256 MB while it is processed.
MAX_PIXELS: Final = 2**26
# All frames of an animation together: about five seconds of decoding on a small machine.
MAX_FRAME_PIXELS: Final = 8 * MAX_PIXELS

_ORIENTATION_TAG: Final = 0x0112  # EXIF
_WEBP_MAX_SIDE: Final = 16383  # the format's limit, in pixels
_JPEG_MAX_SIDE: Final = 65500  # the format's limit, less what libjpeg reserves
_PROFILE_BYTES: Final = 64 * 1024  # a larger colour profile is dropped
_MIN_SIDE: Final = 32  # in pixels; a smaller image shows nothing
_ANIMATION_BYTES: Final = 128 * MIB  # decoded frames held at once while an animation is shrunk
_STILL_QUALITIES: Final = (92, 85, 75)
_ANIMATION_SCALES: Final = (0.75, 0.5, 0.33)

_OPENERS: Final[dict[MediaType, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    PNG: PngImagePlugin.PngImageFile,
    JPEG: JpegImagePlugin.JpegImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
    GIF: GifImagePlugin.GifImageFile,
    AVIF: AvifImagePlugin.AvifImageFile,
    BMP: BmpImagePlugin.BmpImageFile,
    TIFF: TiffImagePlugin.TiffImageFile,
}
_BEST_QUALITY: Final[dict[MediaType, dict[str, object]]] = {
    JPEG: {"quality": 95, "subsampling": 0},
    PNG: {},
    WEBP: {"quality": 95},
}

# What Pillow's decoders raise for damaged files.
_DAMAGE: Final = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError,
    AssertionError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError, Warning,
)  # fmt: skip


class BadImage(ReplicordError):
    """These bytes can't be used as an image; the sentence says why."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image's size in pixels as stored, its frames, and whether EXIF says that it must be rotated."""

    width: int
    height: int
    frames: int
    alpha: bool
    rotated: bool


def probe_image(data: bytes) -> ImageInfo:
    """Return what the image is, having decoded each of its frames once.

    Raise BadImage if it is no image, damaged, truncated, or larger than ``MAX_PIXELS``.
    """
    with _open_image(data) as image:
        info = ImageInfo(
            width=image.width,
            height=image.height,
            frames=_count_frames(image),
            alpha=image.has_transparency_data,
            rotated=_read_orientation(image) != 1,
        )
        # A JPEG decoded at an eighth of its size is still read to its last byte, in a sixty-fourth of the memory.
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        for number in range(info.frames):
            image.seek(number)
            _check_size(image)
            image.load()
        return info


def apply_orientation(media: Media) -> Media:
    """Return the image with its EXIF orientation applied, or the same object if nothing changes.

    Animations are returned unchanged. Raise BadImage.
    """
    with _open_image(media.data) as image:
        if _read_orientation(image) == 1 or _count_frames(image) > 1:
            return media
        media_type = media.type if media.type in _BEST_QUALITY else PNG
        return Media(
            name=media.name if media_type == media.type else f"{PurePath(media.name).stem}{media_type.suffix}",
            type=media_type,
            data=_encode(_rotate(image), media_type, **_BEST_QUALITY[media_type]),
        )


def make_thumbnail(media: Media, side: int = 256) -> Media:
    """Return the image's first frame, upright, as a WebP of at most ``side`` × ``side`` pixels. Raise BadImage."""
    with _open_image(media.data) as image:
        image.draft(None, (side, side))
        small = _convert_mode(_rotate(image))
        small.thumbnail((side, side))
        data = _encode(small, WEBP, quality=80)
        return Media(name=f"{PurePath(media.name).stem}-small.webp", type=WEBP, data=data)


def shrink_image(data: bytes, limit: int) -> Media | None:
    """Return the image in at most ``limit`` bytes: unchanged, else at a lower quality, else also smaller.

    Transparency and animation are kept. None if this is no usable image or it cannot be made that small.
    """
    media_type = sniff(data[:HEAD_BYTES])
    try:
        with _open_image(data) as image:
            if len(data) <= limit:
                return Media(name=f"image{media_type.suffix}", type=media_type, data=data)
            shrunk = _shrink_animation(image, limit) if _count_frames(image) > 1 else _shrink_still(image, limit)
    except BadImage:
        return None
    if shrunk is None:
        return None
    shrunk_type, encoded = shrunk
    return Media(name=f"image{shrunk_type.suffix}", type=shrunk_type, data=encoded)


@contextmanager
def _open_image(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """Open an image whose header is checked and nothing decoded; raise BadImage for whatever goes wrong."""
    media_type = sniff(data[:HEAD_BYTES])
    opener = _OPENERS.get(media_type)
    if opener is None:
        raise BadImage(_describe_unreadable(media_type))
    try:
        with opener(io.BytesIO(data)) as image:
            _check_size(image)
            yield image
    except _DAMAGE as error:
        raise BadImage("The image is damaged or incomplete. Save it again, or send it as PNG or JPEG.") from error


def _describe_unreadable(media_type: MediaType) -> str:
    if media_type in (HEIC, SVG, ICO):  # an ICO holds other files, whose sizes its own header does not state
        return f"{media_type.suffix[1:].upper()} images can't be read here. Send it as PNG or JPEG."
    return "The file isn't an image. Send a PNG, JPEG, WebP or GIF."


def _check_size(image: ImageFile.ImageFile) -> None:
    """Raise BadImage for an image too large to decode. This is cheap: only the header is read."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise BadImage(
            f"The image has {image.width} × {image.height} pixels;"
            f" the limit is {MAX_PIXELS // 10**6} million. Make it smaller."
        )
    if pixels * _count_frames(image) > MAX_FRAME_PIXELS:
        raise BadImage(f"The animation is too long ({_count_frames(image)} frames). Make it shorter or smaller.")


def _count_frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DAMAGE:
        return 1
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def _rotate(image: Image.Image) -> Image.Image:
    """Return the image upright; the same object if it already is."""
    return image if _read_orientation(image) == 1 else ImageOps.exif_transpose(image)


def _convert_mode(image: Image.Image) -> Image.Image:
    """Return the image as RGB, or RGBA if it has transparency."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.point(lambda value: value / 256).convert("L").convert("RGB")  # scaled: convert() would clip
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _encode(image: Image.Image, media_type: MediaType, **settings: object) -> bytes:
    """Encode with the colour profile and without EXIF, which holds the place and the camera of a photo."""
    profile = image.info.get("icc_profile")
    if profile and len(profile) <= _PROFILE_BYTES:
        settings["icc_profile"] = profile
    buffer = io.BytesIO()
    converted = image if media_type == PNG else _convert_mode(image)
    converted.save(buffer, format=media_type.mime.removeprefix("image/"), **settings)
    return buffer.getvalue()


def _shrink_still(image: ImageFile.ImageFile, limit: int) -> tuple[MediaType, bytes] | None:
    """Lower the quality in steps, then scale by the ratio that the last attempt was too large, until it fits."""
    media_type = WEBP if image.has_transparency_data else JPEG  # JPEG encodes ten times as fast
    current = _convert_mode(_rotate(image))
    max_side = _WEBP_MAX_SIDE if media_type == WEBP else _JPEG_MAX_SIDE
    current.thumbnail((max_side, max_side))
    for quality in _STILL_QUALITIES:
        encoded = _encode(current, media_type, quality=quality)
        if len(encoded) <= limit:
            return media_type, encoded
    while min(current.size) > 1 and max(current.size) > _MIN_SIDE:
        ratio = min(0.8, 0.95 * math.sqrt(limit / len(encoded)))
        side = max(_MIN_SIDE, int(max(current.size) * ratio))
        current.thumbnail((side, side))
        encoded = _encode(current, media_type, quality=80)
        if len(encoded) <= limit:
            return media_type, encoded
    return None


def _shrink_animation(image: ImageFile.ImageFile, limit: int) -> tuple[MediaType, bytes] | None:
    """Return a smaller WebP animation that fits, or None."""
    frames = _count_frames(image)
    for scale in _ANIMATION_SCALES:
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        if size[0] * size[1] * 4 * frames > _ANIMATION_BYTES or max(size) > _WEBP_MAX_SIDE:
            continue
        stills, durations = [], []
        for number in range(frames):
            image.seek(number)
            _check_size(image)
            stills.append(_convert_mode(image).resize(size))
            durations.append(int(image.info.get("duration", 100)))
        buffer = io.BytesIO()
        stills[0].save(
            buffer, "webp", save_all=True, append_images=stills[1:], duration=durations,
            loop=image.info.get("loop", 0), quality=70, method=2,
        )  # fmt: skip
        if buffer.tell() <= limit:
            return WEBP, buffer.getvalue()
    return None
