"""Inspect, convert and shrink images; nothing is decoded before its header shows that it is harmless.

All functions are pure and use the CPU: call them in ``bot.worker_pool``. Pillow's own limits are global and warn
instead of raising, so its format classes are opened directly and held to the limits in ``bot.limits``.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
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
from bot.language import _
from bot.limits import (
    ANIMATION_BYTES,
    ANIMATION_FRAMES,
    ANIMATION_PIXELS,
    CHARACTER_PICTURE_BYTES,
    CHARACTER_SIDE,
    IMAGE_PIXELS,
    JPEG_SCANS,
)
from bot.media.colors import convert_to_rgb
from bot.media.file_names import safe_file_name
from bot.media.metadata import strip_metadata
from bot.media.types import AVIF, BMP, GIF, HEAD_BYTES, HEIC, ICO, JPEG, PNG, SVG, TIFF, WEBP, Media, MediaType, sniff

_ORIENTATION_TAG: Final = 0x0112  # EXIF
_WEBP_MAX_SIDE: Final = 16383  # the format's limit, in pixels
_JPEG_MAX_SIDE: Final = 65500  # the format's limit, less what libjpeg reserves
_MIN_SIDE: Final = 32  # in pixels; a smaller image shows nothing
_PROBE_SIDE: Final = 256  # in pixels; a JPEG that is only checked is decoded at about this size
_STILL_QUALITIES: Final = (92, 85, 75)
_ANIMATION_SCALES: Final = (0.75, 0.5, 0.33)
_SCAN_MARKER: Final = b"\xff\xda"  # of a JPEG; compressed data never holds these two bytes

_BEST_QUALITY: Final[dict[MediaType, dict[str, object]]] = {
    JPEG: {"quality": 95, "subsampling": 0},
    PNG: {"compress_level": 3},  # of 9: a third of the time, for a tenth of the size
    WEBP: {"quality": 95},
}

# What Pillow's decoders raise for damaged files.
_DAMAGE: Final = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError,
    AssertionError, struct.error, zlib.error, Image.DecompressionBombError, Warning,
)  # fmt: skip


class BadImage(ReplicordError):
    """These bytes can't be used as an image; the sentence says why."""


class _Damaged(BadImage):
    def __init__(self) -> None:
        super().__init__(_("The image is damaged or incomplete. Save it again, or send it as PNG or JPEG."))

    def __reduce__(self) -> tuple[type["_Damaged"], tuple[()]]:
        return type(self), ()


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What has to be known about an image before it is passed on.

    ``rotated``: EXIF says that it must be turned. ``readable``: no damaged metadata makes other programs refuse it.
    """

    animated: bool
    alpha: bool
    rotated: bool
    readable: bool


def _open_heic(file: io.BytesIO) -> ImageFile.ImageFile:
    import pi_heif  # noqa: PLC0415  # takes 10 MB and few need it
    from pi_heif.as_plugin import HeifImageFile  # noqa: PLC0415  # likewise

    pi_heif.options.DECODE_THREADS = 1
    opened: ImageFile.ImageFile = HeifImageFile(file)
    return opened


_OPENERS: Final[dict[MediaType, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    PNG: PngImagePlugin.PngImageFile,
    JPEG: JpegImagePlugin.JpegImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
    GIF: GifImagePlugin.GifImageFile,
    AVIF: AvifImagePlugin.AvifImageFile,
    BMP: BmpImagePlugin.BmpImageFile,
    TIFF: TiffImagePlugin.TiffImageFile,
    HEIC: _open_heic,
}

OPENED: Final = frozenset(_OPENERS)
"""The types of images that can be decoded here."""


def probe_image(data: bytes, *, frames: bool = False) -> ImageInfo:
    """Return what the image is, having decoded its first frame, or (``frames``) each of them.

    Raise BadImage if it is no image, damaged, truncated, or beyond the limits. Metadata never makes it damaged.
    """
    with _open_image(data, draft=_PROBE_SIDE) as (image, readable):
        alpha, rotated, animated = image.has_transparency_data, (_read_orientation(image) or 1) != 1, _has_frames(image)
        if animated and frames:
            _decode_frames(image)
    return ImageInfo(animated=animated, alpha=alpha, rotated=rotated, readable=readable)


def convert_image(data: bytes, media_type: MediaType) -> bytes:
    """Return the first frame as a JPEG, PNG or WebP: upright, of eight bits a channel, without metadata.

    A JPEG shows transparency as white. Raise BadImage.
    """
    with _open_image(data) as (image, _):
        return _encode(_rotate(image), media_type, **_BEST_QUALITY[media_type])


def make_thumbnail(media: Media, side: int = 256) -> Media:
    """Return the image's first frame, upright, as a WebP of at most ``side`` × ``side`` pixels. Raise BadImage."""
    with _open_image(media.data, draft=side) as (image, _readable):
        _reduce(image, 4 * side)  # before its colours are converted, which takes more time and memory
        small = convert_to_rgb(_rotate(image))
        small.thumbnail((side, side))
        data = _encode(small, WEBP, quality=80)
        return Media(name=f"{PurePath(media.name).stem}-small.webp", type=WEBP, data=data)


def make_small_webp(source: Path | bytes, side: int, limit: int) -> bytes:
    """Return ``make_thumbnail`` of a file or its bytes, in at most ``limit`` bytes. Raise BadImage, and OSError."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    small = make_thumbnail(Media(name="image", type=sniff(data[:HEAD_BYTES]), data=data), side).data
    if len(small) > limit:
        raise BadImage(_("The image cannot be made small enough."))
    return small


def reencode_image(media: Media, *, side: int, limit: int) -> Media:
    """Return the image's first frame, upright, of at most ``side`` × ``side`` pixels and ``limit`` bytes.

    It is a JPEG, or a PNG or WebP where it is transparent, and has no metadata. Raise BadImage.
    """
    with _open_image(media.data, draft=side) as (image, _readable):
        _reduce(image, 2 * side)
        small = convert_to_rgb(_rotate(image))
        small.thumbnail((side, side))
        stem = PurePath(media.name).stem
        if small.mode == "RGBA":
            data = _encode(small, PNG, **_BEST_QUALITY[PNG])
            if len(data) <= limit:
                return Media(name=f"{stem}.png", type=PNG, data=data)
        shrunk = _shrink_still(small, limit)
        if shrunk is None:
            raise BadImage(_("The image cannot be made small enough."))
        media_type, data = shrunk
        return Media(name=f"{stem}{media_type.suffix}", type=media_type, data=data)


def shrink_image(data: bytes, limit: int) -> Media | None:
    """Return the image in at most ``limit`` bytes: unchanged, else at a lower quality, else also smaller.

    Transparency and animation are kept. None if this is no usable image or it cannot be made that small.
    """
    media_type = sniff(data[:HEAD_BYTES])
    try:
        with _open_image(data) as (image, _):
            if len(data) <= limit:
                return Media(name=f"image{media_type.suffix}", type=media_type, data=data)
            shrunk = _shrink_animation(image, limit) if _has_frames(image) else _shrink_still(image, limit)
    except BadImage:
        return None
    if shrunk is None:
        return None
    shrunk_type, encoded = shrunk
    return Media(name=f"image{shrunk_type.suffix}", type=shrunk_type, data=encoded)


def shrink_image_file(source: Path, target: Path, limit: int) -> bool:
    """Write what ``shrink_image`` makes of a file to ``target``, all of it or nothing; return whether it could."""
    smaller = shrink_image(source.read_bytes(), limit)
    if smaller is None:
        return False
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(smaller.data)
    part.replace(target)
    return True


@contextmanager
def _open_image(data: bytes, draft: int | None = None) -> Iterator[tuple[ImageFile.ImageFile, bool]]:
    """Decode the first frame; yield the image, and whether other programs can read it as it is.

    ``draft``: a JPEG is decoded at about so many pixels a side, which is cheaper and reads it to its last byte as well.
    Raises BadImage for whatever goes wrong.
    """
    media_type = sniff(data[:HEAD_BYTES])
    opener = _OPENERS.get(media_type)
    if opener is None:
        raise BadImage(_describe_unreadable(media_type))
    _check_scans(data, media_type)
    try:
        image, readable = _load_image(opener, data, media_type, draft)
        with image:
            yield image, readable
    except _DAMAGE as error:
        raise _Damaged from error


def _load_image(
    opener: Callable[[io.BytesIO], ImageFile.ImageFile], data: bytes, media_type: MediaType, draft: int | None
) -> tuple[ImageFile.ImageFile, bool]:
    """Decode the first frame, without its metadata if those are damaged."""

    def load(data: bytes) -> ImageFile.ImageFile:
        image = opener(io.BytesIO(data))
        _check_size(image)
        if draft is not None:
            image.draft(None, (draft, draft))
        image.load()
        return image

    try:
        image = load(data)
    except _DAMAGE:
        stripped = strip_metadata(data, media_type)
        if stripped is data:
            raise
        return load(stripped), False
    if _read_orientation(image) is None:
        stripped = strip_metadata(data, media_type)
        return image, stripped is data  # where it cannot be removed, nothing can be done about it
    return image, True


def _describe_unreadable(media_type: MediaType) -> str:
    if media_type in (SVG, ICO):  # an ICO holds other files, whose sizes its own header does not state
        # Translators: {format} is the name of an image format, such as PSD.
        return _("{format} images can't be read here. Send it as PNG or JPEG.").format(
            format=media_type.suffix[1:].upper()
        )
    return _("The file isn't an image. Send a PNG, JPEG, WebP or GIF.")


def _check_scans(data: bytes, media_type: MediaType) -> None:
    """Raise BadImage for a JPEG of so many passes over its pixels that decoding it takes minutes."""
    if media_type == JPEG and data.count(_SCAN_MARKER) > JPEG_SCANS:
        raise BadImage(_("The image is built in an unusual way that takes too long to read. Save it again."))


def _check_size(image: ImageFile.ImageFile) -> None:
    """Raise BadImage for an image too large to decode. This is cheap: only the header is read."""
    if image.width * image.height > IMAGE_PIXELS:
        raise BadImage(
            _("The image has {width} × {height} pixels; the limit is {count} million. Make it smaller.").format(
                width=image.width, height=image.height, count=IMAGE_PIXELS // 10**6
            )
        )


def _has_frames(image: ImageFile.ImageFile) -> bool:
    """Return whether there is more than one frame or page, without counting them: that reads the whole file."""
    if not getattr(image, "is_animated", False) and image.format in ("PNG", "WEBP", "AVIF"):
        return False
    if image.format == "HEIF":
        return False  # an album, of which one is the picture
    current = image.tell()
    try:
        image.seek(current + 1)
    except EOFError:
        return False
    image.seek(current)
    return True


def _decode_frames(image: ImageFile.ImageFile) -> None:
    """Decode every frame once; raise BadImage if they are too many or too large together."""
    pixels, number = image.width * image.height, 0
    while True:
        number += 1
        try:
            image.seek(number)
        except EOFError:
            return
        _check_size(image)
        pixels += image.width * image.height
        if pixels > ANIMATION_PIXELS or number >= ANIMATION_FRAMES:
            raise BadImage(_("The animation is too long. Make it shorter or smaller."))
        image.load()


def _read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8; None if the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DAMAGE:
        return None
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def _reduce(image: Image.Image, side: int) -> None:
    """Make an image at most so large, in the mode that it has; in some, only by leaving pixels out."""
    smooth = image.mode in ("L", "RGB", "CMYK")
    if smooth or image.mode in ("1", "P", "RGBA", "LA", "I", "F"):
        image.thumbnail((side, side), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)


def _rotate(image: Image.Image) -> Image.Image:
    """Return the image upright; the same object if it already is."""
    return image if (_read_orientation(image) or 1) == 1 else ImageOps.exif_transpose(image)


def _encode(image: Image.Image, media_type: MediaType, **settings: object) -> bytes:
    """Encode with a colour profile that fits and without EXIF, which holds the place and the camera of a photo."""
    converted = convert_to_rgb(image)
    if media_type == JPEG and converted.mode == "RGBA":
        converted = _flatten(converted)
    if profile := converted.info.get("icc_profile"):
        settings["icc_profile"] = profile
    buffer = io.BytesIO()
    converted.save(buffer, format=media_type.mime.removeprefix("image/"), **settings)
    return buffer.getvalue()


def _flatten(image: Image.Image) -> Image.Image:
    """Return the image on white."""
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image, mask=image.getchannel("A"))
    flat.info = dict(image.info)
    return flat


def _shrink_still(image: Image.Image, limit: int) -> tuple[MediaType, bytes] | None:
    """Lower the quality in steps, then scale by the ratio that the last attempt was too large, until it fits."""
    media_type = WEBP if image.has_transparency_data else JPEG  # JPEG encodes ten times as fast
    current = convert_to_rgb(_rotate(image))
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
    frames = int(getattr(image, "n_frames", 1))
    if frames > ANIMATION_FRAMES or image.width * image.height * frames > ANIMATION_PIXELS:
        return None
    for scale in _ANIMATION_SCALES:
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        if size[0] * size[1] * 4 * frames > ANIMATION_BYTES or max(size) > _WEBP_MAX_SIDE:
            continue
        stills, durations = [], []
        for number in range(frames):
            image.seek(number)
            _check_size(image)
            stills.append(convert_to_rgb(image).resize(size))
            durations.append(int(image.info.get("duration", 100)))
        buffer = io.BytesIO()
        stills[0].save(
            buffer, "webp", save_all=True, append_images=stills[1:], duration=durations,
            loop=image.info.get("loop", 0), quality=70, method=2,
        )  # fmt: skip
        if buffer.tell() <= limit:
            return WEBP, buffer.getvalue()
    return None


def make_saved_picture(filename: str, path: Path) -> tuple[Media, Media]:
    """Return the downloaded picture re-encoded, and a small copy of it. Raise BadImage.

    Decodes the picture: call it in ``bot.worker_pool``.
    """
    data = path.read_bytes()
    original = Media(safe_file_name(filename), sniff(data[:HEAD_BYTES]), data)
    picture = reencode_image(original, side=CHARACTER_SIDE, limit=CHARACTER_PICTURE_BYTES)
    return picture, make_thumbnail(picture)
