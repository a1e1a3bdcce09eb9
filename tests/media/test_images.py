"""Images are decoded safely, rotated and shrunk."""

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from bot.limits import ANIMATION_FRAMES, IMAGE_PIXELS
from bot.media import types
from bot.media.images import BadImage, ImageInfo, convert_image, make_thumbnail, probe_image, shrink_image
from bot.media.types import Media, sniff


def noise(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return an image that compresses badly."""
    return Image.frombytes(mode, size, os.urandom(size[0] * size[1] * len(mode)))


def encoded(image: Image.Image, form: str, **kwargs: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **kwargs)
    return out.getvalue()


def dimensions(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


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
    still = ImageInfo(animated=False, alpha=False, rotated=False, readable=True)
    assert probe_image(encoded(noise(), form)) == still


def test_frames_transparency_and_orientation_are_reported() -> None:
    assert probe_image(animation()).animated
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
    assert width * height > IMAGE_PIXELS
    with pytest.raises(BadImage, match="pixels"):
        probe_image(png_bomb(width, height))
    assert shrink_image(png_bomb(width, height), 10) is None


def test_bomb_in_a_later_page_is_rejected() -> None:
    pages = [Image.new("1", (8, 8)), Image.new("1", (9000, 9000))]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")
    with pytest.raises(BadImage, match="9000"):
        probe_image(data, frames=True)
    assert probe_image(data).animated


def test_too_long_animation_is_rejected_as_such_only() -> None:
    stills = [Image.new("1", (2, 2), number % 2) for number in range(ANIMATION_FRAMES + 2)]
    data = encoded(stills[0], "GIF", save_all=True, append_images=stills[1:])
    with pytest.raises(BadImage, match="too long"):
        probe_image(data, frames=True)
    assert probe_image(data).animated
    assert sniff(convert_image(data, types.PNG)) == types.PNG


def test_jpeg_of_thousands_of_scans_is_rejected_at_once() -> None:
    photo = encoded(noise(size=(64, 64)), "JPEG", progressive=True)
    assert probe_image(photo)
    scan = photo[photo.rindex(b"\xff\xda") : -2]
    with pytest.raises(BadImage, match="unusual"):
        probe_image(photo[:-2] + scan * 2000 + photo[-2:])


def test_pillows_global_limit_is_unchanged() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadImage):
        probe_image(png_bomb(20_000, 20_000))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_rotated_photo_becomes_upright(form: str) -> None:
    data = rotated_photo(6, form)
    target = sniff(data) if form != "TIFF" else types.PNG
    upright = convert_image(data, target)
    with Image.open(io.BytesIO(upright)) as image:
        assert image.size == (20, 40)
        assert image.getexif().get(0x0112, 1) == 1
        red, _, blue = (band.getpixel((10, 5)) for band in image.convert("RGB").split())
        assert isinstance(red, int)
        assert isinstance(blue, int)
        assert (red > 200, blue < 50) == (True, True)
    assert sniff(upright) == target


def test_encoded_photo_has_no_exif() -> None:
    assert b"A Camera" in rotated_photo()
    assert b"A Camera" not in convert_image(rotated_photo(), types.JPEG)


def test_thumbnail_is_small_upright_webp() -> None:
    media = make_thumbnail(Media(name="me.jpg", type=types.JPEG, data=rotated_photo()), side=16)
    with Image.open(io.BytesIO(media.data)) as image:
        assert (image.format, image.size) == ("WEBP", (8, 16))
    assert media.name == "me-small.webp"


def test_thumbnail_of_an_animation_is_one_frame() -> None:
    assert not probe_image(make_thumbnail(Media(name="a.gif", type=types.GIF, data=animation())).data).animated


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
    assert dimensions(shrunk.data) == (200, 150)


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
    width, height = dimensions(shrunk.data)
    assert height > width
    assert not probe_image(shrunk.data).rotated


def test_shrunk_animation_keeps_its_frames() -> None:
    data = animation(frames=4, size=(200, 200))
    shrunk = shrink_image(data, len(data) // 3)
    assert shrunk is not None
    assert shrunk.size <= len(data) // 3
    assert shrunk.type == types.WEBP
    with Image.open(io.BytesIO(shrunk.data)) as image:
        assert getattr(image, "n_frames", 1) == 4


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
    for work in (probe_image, lambda damage: convert_image(damage, types.PNG), lambda _: make_thumbnail(media, 8)):
        with contextlib.suppress(BadImage):
            work(media.data)
    shrink_image(media.data, 200)


HEIC_PHOTO = (Path(__file__).parent / "photo.heic").read_bytes()  # 48 × 32, red and blue halves


def test_heic_photo_becomes_a_jpeg() -> None:
    assert probe_image(HEIC_PHOTO) == ImageInfo(animated=False, alpha=False, rotated=False, readable=True)
    with Image.open(io.BytesIO(convert_image(HEIC_PHOTO, types.JPEG))) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (48, 32), "RGB")
        assert_near(image.getpixel((8, 16)), (255, 0, 0), 60)
        assert_near(image.getpixel((40, 16)), (0, 0, 255), 60)


@pytest.mark.parametrize("kept", [20, 100, 300, len(HEIC_PHOTO) - 40])
def test_damaged_heic_is_rejected(kept: int) -> None:
    with pytest.raises(BadImage):
        convert_image(HEIC_PHOTO[:kept], types.JPEG)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation_is_a_still_image(form: str) -> None:
    stills = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = encoded(stills[0], form, save_all=True, append_images=stills[1:], duration=80)
    assert probe_image(data).animated
    with Image.open(io.BytesIO(convert_image(data, types.PNG))) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert_near(image.convert("RGB").getpixel((5, 5)), (255, 0, 0), 12)


def test_transparency_becomes_white_in_a_jpeg() -> None:
    clear = encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG")
    with Image.open(io.BytesIO(convert_image(clear, types.JPEG))) as image:
        assert_near(image.getpixel((4, 4)), (255, 255, 255), 4)


def assert_near(pixel: object, expected: tuple[int, ...], tolerance: int) -> None:
    assert isinstance(pixel, tuple)
    assert all(abs(one - other) <= tolerance for one, other in zip(pixel, expected, strict=True)), pixel
