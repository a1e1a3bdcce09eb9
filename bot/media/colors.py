"""Change the mode of an image without changing what it looks like: by its colour profile, and by its depth.

Pillow's own ``convert`` knows neither: it reads CMYK as if every printer were the same, keeps a profile that no longer
fits, and clips everything deeper than eight bits to white.
"""

import io
import math
from typing import Final

from PIL import Image, ImageCms

_PROFILE: Final = "icc_profile"  # the key in an image's ``info``
_PROFILE_BYTES: Final = 64 * 1024  # a larger RGB profile is applied instead of kept
# The colour space that a profile names, by the mode of the pixels that it can describe.
_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
_DEEP_MAX: Final = 0xFFFF


def convert_to_rgb(image: Image.Image) -> Image.Image:
    """Return the image as RGB, or RGBA if it has transparency, with a profile that fits or none."""
    alpha = None
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        base = _reduce_depth(image)
    elif image.has_transparency_data:
        with_alpha = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha, base = with_alpha.getchannel("A"), with_alpha.convert("L" if with_alpha.mode == "LA" else "RGB")
    else:
        base = image if image.mode in _SPACES else image.convert("L" if image.mode == "1" else "RGB")
    converted = _apply_profile(base, image.info.get(_PROFILE))
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _apply_profile(image: Image.Image, profile: object) -> Image.Image:
    """Return the image (grey, RGB, CMYK or Lab) as RGB."""
    if isinstance(profile, bytes) and profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() == _SPACES[image.mode]:
                if image.mode == "RGB" and len(profile) <= _PROFILE_BYTES:
                    return _with_profile(image, profile)
                converted = ImageCms.profileToProfile(
                    image, source, ImageCms.createProfile("sRGB"), outputMode="RGB",
                    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )  # fmt: skip
                if converted is not None:
                    return _with_profile(converted, None)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a damaged profile is as good as none
    if image.mode == "LAB":
        image = _convert_lab(image)
    return _with_profile(image if image.mode == "RGB" else image.convert("RGB"), None)


def _convert_lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), inMode="LAB", outMode="RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    return image.convert("L").convert("RGB") if converted is None else converted


def _with_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image, or a copy, whose ``info`` has this profile or none."""
    if image.info.get(_PROFILE) == profile and (profile is not None or _PROFILE not in image.info):
        return image
    copy = image.copy()
    copy.info.pop(_PROFILE, None)
    if profile is not None:
        copy.info[_PROFILE] = profile
    return copy


def _reduce_depth(image: Image.Image) -> Image.Image:
    """Return an image of 16 or 32 bits, in either byte order, as grey of eight bits: scaled, not clipped."""
    is_16_bit = image.mode.startswith("I;16")
    deep = image.convert("I") if is_16_bit else image  # only this mode can be scaled in either byte order
    low, high = (0, _DEEP_MAX) if is_16_bit else _value_range(deep)
    scale = 255 / (high - low)
    grey = deep.point(lambda value: value * scale + -low * scale).convert("L")
    profile = image.info.get(_PROFILE)
    return _with_profile(grey, profile if isinstance(profile, bytes) else None)


def _value_range(image: Image.Image) -> tuple[float, float]:
    """Return the values that become black and white: the usual ones of the depth that the image seems to have."""
    extrema = image.getextrema()
    low, high = (float(value) if isinstance(value, int | float) else 0.0 for value in extrema)
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    if image.mode == "I" and low >= 0 and high <= _DEEP_MAX:
        return 0.0, 255.0 if high <= 255 else float(_DEEP_MAX)
    low = min(low, 0.0)
    return low, high if high > low else low + 1.0
