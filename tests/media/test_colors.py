"""Modes of images change without changing what they look like."""

import io
import struct

import pytest
from PIL import Image, ImageCms

from bot.media.colors import convert_to_rgb
from bot.media.images import convert_image, make_thumbnail, shrink_image
from bot.media.types import JPEG, PNG, Media, sniff

Pixel = tuple[int, ...]


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    """Return a version 2 profile of a printer or display (ICC.1:2001-04)."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += struct.pack(">4sII", signature, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, b"prtr", space, pcs)
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + table + body


def text_tags() -> dict[bytes, bytes]:
    description = b"made for a test\0"
    return {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(description)) + description + bytes(79),
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D),
        b"cprt": b"text\0\0\0\0none\0",
    }


def grey_profile(gamma: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return profile(b"GRAY", {**text_tags(), b"kTRC": curve})


def cmyk_profile() -> bytes:
    """Return a profile in which cyan alone prints a mid grey, and every other mixture is white or black."""
    white, grey, black = (255, 128, 128), (128, 128, 128), (0, 128, 128)  # Lab, 8 bits
    corners: list[tuple[int, int, int]] = []
    for number in range(16):
        cyan, others = number >> 3, number & 7
        corners.append(black if others else grey if cyan else white)
    linear = bytes(range(256))
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000)
    table = b"".join(bytes(corner) for corner in corners)
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + linear * 4 + table + linear * 3
    return profile(b"CMYK", {**text_tags(), b"A2B0": lut}, pcs=b"Lab ")


def encoded(image: Image.Image, form: str, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **settings)
    return out.getvalue()


def pixel_of(data: bytes) -> tuple[Pixel, bytes | None]:
    with Image.open(io.BytesIO(data)) as image:
        value = image.convert("RGB").getpixel((4, 4))
        assert isinstance(value, tuple)
        return value, image.info.get("icc_profile")


def assert_near(pixel: Pixel, expected: Pixel, tolerance: int = 6) -> None:
    assert max(abs(one - other) for one, other in zip(pixel, expected, strict=True)) <= tolerance, pixel


CYAN = Image.new("CMYK", (8, 8), (255, 0, 0, 0))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile(form: str) -> None:
    data = encoded(CYAN, form, icc_profile=cmyk_profile())
    pixel, kept = pixel_of(convert_image(data, PNG))
    assert_near(pixel, (119, 119, 119), 12)  # L* 50
    assert kept is None
    small, kept = pixel_of(make_thumbnail(Media("me", sniff(data), data)).data)
    assert_near(small, (119, 119, 119), 12)
    assert kept is None


def test_cmyk_without_a_profile_is_converted_plainly() -> None:
    pixel, kept = pixel_of(convert_image(encoded(CYAN, "JPEG"), PNG))
    assert_near(pixel, (0, 255, 255))
    assert kept is None


def test_cmyk_profile_does_not_stay_after_shrinking() -> None:
    data = encoded(CYAN.resize((400, 400)), "TIFF", icc_profile=cmyk_profile())
    shrunk = shrink_image(data, len(data) // 4)
    assert shrunk is not None
    pixel, kept = pixel_of(shrunk.data)
    assert_near(pixel, (119, 119, 119), 12)
    assert kept is None


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 188), (2.2, 128), (4.0, 71)])
def test_grey_is_converted_by_its_profile(gamma: float, expected: int) -> None:
    data = encoded(Image.new("L", (8, 8), 128), "PNG", icc_profile=grey_profile(gamma))
    pixel, kept = pixel_of(convert_image(data, JPEG))
    assert_near(pixel, (expected,) * 3, 8)
    assert kept is None


def test_grey_with_transparency_keeps_it() -> None:
    image = Image.new("LA", (8, 8), (128, 100))
    image.info["icc_profile"] = grey_profile(1.0)
    converted = convert_to_rgb(image)
    assert converted.mode == "RGBA"
    value = converted.getpixel((4, 4))
    assert isinstance(value, tuple)
    assert_near(value, (188, 188, 188, 100), 8)


def test_palette_keeps_the_profile_of_its_colours() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (8, 8), (10, 200, 30)).quantize(4)
    pixel, kept = pixel_of(convert_image(encoded(image, "PNG", icc_profile=srgb), PNG))
    assert_near(pixel, (10, 200, 30))
    assert kept == srgb


@pytest.mark.parametrize("damaged", [b"no profile", b"\0" * 200, cmyk_profile()[:300]])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_damaged_or_foreign_profile_is_dropped(mode: str, damaged: bytes) -> None:
    image = Image.new(mode, (8, 8))
    image.info["icc_profile"] = damaged
    converted = convert_to_rgb(image)
    assert (converted.mode, "icc_profile" in converted.info) == ("RGB", False)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [("H", 0, 0), ("H", 0x4000, 64), ("H", 0xFFFF, 255), ("f", 0.25, 64), ("f", 1.0, 255), ("f", 500.0, 255)],
)
def test_deep_grey_is_scaled(order: str, code: str, value: float, expected: int) -> None:
    data = tiff(order, code, value)
    pixel, _ = pixel_of(convert_image(data, PNG))
    assert_near(pixel, (expected,) * 3, 2)
    small, _ = pixel_of(make_thumbnail(Media("me", sniff(data), data)).data)
    assert_near(small, (expected,) * 3, 3)


def tiff(order: str, code: str, value: float) -> bytes:
    """Return a grey image of 8 × 8 equal values (16-bit integers or floats), in either byte order."""
    bits, kind = (16, 1) if code == "H" else (32, 3)
    number = int(value) if kind == 1 else value
    pixels = struct.pack(f"{order}64{code}", *([number] * 64))
    entries = [(256, 4, 8), (257, 4, 8), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, 8), (279, 4, len(pixels)), (339, 3, kind)]
    directory = struct.pack(f"{order}H", len(entries))
    for tag, field, content in entries:
        packed = struct.pack(f"{order}I", content) if field == 4 else struct.pack(f"{order}HH", content, 0)
        directory += struct.pack(f"{order}HHI", tag, field, 1) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(pixels))
    return head + pixels + directory + bytes(4)


def test_a_16_bit_png_is_scaled() -> None:
    data = encoded(Image.new("I;16", (8, 8), 0x8000), "PNG")
    pixel, _ = pixel_of(convert_image(data, JPEG))
    assert_near(pixel, (128, 128, 128), 3)


def test_values_without_end_are_no_error() -> None:
    for value in (float("nan"), float("inf"), -float("inf")):
        converted = convert_to_rgb(Image.new("F", (4, 4), value))
        assert converted.mode == "RGB"
