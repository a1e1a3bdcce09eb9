"""Images are decoded safely, rotated and shrunk."""

import contextlib
import io
import os
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from bot.media import types
from bot.media.images import (
    MAX_PIXELS,
    BadImage,
    ImageInfo,
    apply_orientation,
    make_thumbnail,
    probe_image,
    shrink_image,
)
from bot.media.types import Media, sniff


def noise(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return an image that compresses badly."""
    return Image.frombytes(mode, size, os.urandom(size[0] * size[1] * len(mode)))


def encoded(image: Image.Image, form: str, **kwargs: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **kwargs)
    return out.getvalue()


def rotated_photo(orientation: int = 6, form: str = "JPEG") -> bytes:
    """Return an image whose left half is red as stored, and whose EXIF says to rotate it."""
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x0110] = "A Camera"
    return encoded(image, form, exif=exif)


def animation(form: str = "GIF", frames: int = 5, size: tuple[int, int] = (120, 120)) -> bytes:
    stills = [noise(size=size) for _ in range(frames)]
    return encoded(stills[0], form, save_all=True, append_images=stills[1:], duration=80, loop=0)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width: int, height: int) -> bytes:
    """Return a few bytes that claim to be, and would decode to, a huge image."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"])
def test_image_info_of_every_format(form: str) -> None:
    assert probe_image(encoded(noise(), form)) == ImageInfo(width=96, height=64, frames=1, alpha=False, rotated=False)


def test_frames_transparency_and_orientation_are_reported() -> None:
    assert probe_image(animation()).frames == 5
    assert probe_image(encoded(noise("RGBA"), "WEBP")).alpha
    assert probe_image(rotated_photo()).rotated


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_image_is_rejected(form: str, kept: float) -> None:
    data = encoded(noise(), form)
    with pytest.raises(BadImage, match=r"damaged|isn't an image"):
        probe_image(data[: int(len(data) * kept)])


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"junk" * 9, b"%PDF-1.7"])
def test_other_bytes_are_rejected_with_a_sentence(data: bytes) -> None:
    with pytest.raises(BadImage) as caught:
        probe_image(data)
    assert caught.value.sentence.endswith(".")


def test_unreadable_format_is_named() -> None:
    with pytest.raises(BadImage, match="SVG"):
        probe_image(b"<svg xmlns='http://www.w3.org/2000/svg'/>")


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (8193, 8193), (2**31 - 1, 1)])
def test_bomb_is_rejected_by_its_header(width: int, height: int) -> None:
    assert width * height > MAX_PIXELS
    with pytest.raises(BadImage, match="pixels"):
        probe_image(png_bomb(width, height))
    assert shrink_image(png_bomb(width, height), 10) is None


def test_bomb_in_a_later_page_is_rejected() -> None:
    pages = [Image.new("1", (8, 8)), Image.new("1", (9000, 9000))]
    with pytest.raises(BadImage, match="9000"):
        probe_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4"))


def test_too_long_animation_is_rejected_by_its_header() -> None:
    still = encoded(noise(size=(100, 100)), "PNG")
    frames = png_chunk(b"acTL", struct.pack(">II", 100_000, 0))
    with pytest.raises(BadImage, match=r"10000\d frames"):
        probe_image(still[:33] + frames + still[33:])


def test_pillows_global_limit_is_unchanged() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadImage):
        probe_image(png_bomb(20_000, 20_000))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_rotated_photo_becomes_upright(form: str) -> None:
    data = rotated_photo(6, form)
    media = apply_orientation(Media(name="photo.x", type=sniff(data), data=data))
    with Image.open(io.BytesIO(media.data)) as image:
        assert image.size == (20, 40)
        assert image.getexif().get(0x0112, 1) == 1
        red, _, blue = (band.getpixel((10, 5)) for band in image.convert("RGB").split())
        assert isinstance(red, int)
        assert isinstance(blue, int)
        assert (red > 200, blue < 50) == (True, True)
    assert sniff(media.data) == media.type


def test_upright_photo_is_the_same_object() -> None:
    media = Media(name="photo.jpg", type=types.JPEG, data=rotated_photo(1))
    assert apply_orientation(media) is media


def test_rotated_photo_keeps_its_name_and_type() -> None:
    media = apply_orientation(Media(name="me.jpeg", type=types.JPEG, data=rotated_photo(3)))
    assert (media.name, media.type) == ("me.jpeg", types.JPEG)


def test_encoded_photo_has_no_exif() -> None:
    assert b"A Camera" in rotated_photo()
    assert b"A Camera" not in apply_orientation(Media(name="me.jpg", type=types.JPEG, data=rotated_photo())).data


def test_thumbnail_is_small_upright_webp() -> None:
    media = make_thumbnail(Media(name="me.jpg", type=types.JPEG, data=rotated_photo()), side=16)
    with Image.open(io.BytesIO(media.data)) as image:
        assert (image.format, image.size) == ("WEBP", (8, 16))
    assert media.name == "me-small.webp"


def test_thumbnail_of_an_animation_is_one_frame() -> None:
    assert probe_image(make_thumbnail(Media(name="a.gif", type=types.GIF, data=animation())).data).frames == 1


def test_fitting_image_is_unchanged() -> None:
    data = animation()
    shrunk = shrink_image(data, len(data))
    assert shrunk is not None
    assert shrunk.data == data


@pytest.mark.parametrize(("mode", "form"), [("RGB", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG")])
@pytest.mark.parametrize("share", [0.9, 0.3, 0.05])
def test_large_image_is_shrunk_to_the_limit(mode: str, form: str, share: float) -> None:
    data = encoded(noise(mode, (200, 150)), form)
    shrunk = shrink_image(data, int(len(data) * share))
    assert shrunk is not None
    assert shrunk.size <= len(data) * share
    assert sniff(shrunk.data) == shrunk.type
    assert probe_image(shrunk.data).alpha == probe_image(data).alpha


def test_quality_is_lowered_before_size() -> None:
    data = encoded(noise(size=(200, 150)), "PNG")
    shrunk = shrink_image(data, int(len(data) * 0.8))
    assert shrunk is not None
    assert (probe_image(shrunk.data).width, probe_image(shrunk.data).height) == (200, 150)


def test_16_bit_grey_keeps_its_brightness() -> None:
    grey = Image.new("I;16", (64, 64), 0x8000)
    shrunk = shrink_image(encoded(grey, "TIFF"), 2000)
    assert shrunk is not None
    with Image.open(io.BytesIO(shrunk.data)) as image:
        brightness = image.convert("L").getpixel((5, 5))
        assert isinstance(brightness, int)
        assert 120 <= brightness <= 136


def test_rotated_photo_is_upright_after_shrinking() -> None:
    photo = noise(size=(200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo, "JPEG", exif=exif, quality=95)
    shrunk = shrink_image(data, len(data) // 2)
    assert shrunk is not None
    info = probe_image(shrunk.data)
    assert info.height > info.width
    assert not info.rotated


def test_shrunk_animation_keeps_its_frames() -> None:
    data = animation(frames=4, size=(200, 200))
    shrunk = shrink_image(data, len(data) // 3)
    assert shrunk is not None
    assert shrunk.size <= len(data) // 3
    assert (shrunk.type, probe_image(shrunk.data).frames) == (types.WEBP, 4)


def test_image_that_cannot_be_small_enough_is_none() -> None:
    assert shrink_image(encoded(noise(), "PNG"), 20) is None
    assert shrink_image(animation(), 20) is None
    assert shrink_image(b"not an image", 4) is None


def test_shrinking_keeps_colours() -> None:
    flat = Image.new("RGB", (300, 300), (30, 140, 220))
    shrunk = shrink_image(encoded(flat, "BMP"), 20_000)
    assert shrunk is not None
    with Image.open(io.BytesIO(shrunk.data)) as image:
        difference = ImageChops.difference(image.convert("RGB"), flat.resize(image.size))
        assert max(max(band.tobytes()) for band in difference.split()) <= 6


WHOLE = {
    form: encoded(noise(size=(24, 16)), form) for form in ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "ICO")
}
WHOLE["EXIF"] = rotated_photo()
WHOLE["MOVING"] = animation(frames=3, size=(16, 16))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_any_damage_gives_an_image_or_bad_image(form: str, data: st.DataObject) -> None:
    damaged = bytearray(WHOLE[form])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    media = Media(name="x", type=sniff(bytes(damaged)), data=bytes(damaged))
    for work in (probe_image, lambda _: apply_orientation(media), lambda _: make_thumbnail(media, 8)):
        with contextlib.suppress(BadImage):
            work(media.data)
    shrink_image(media.data, 200)
