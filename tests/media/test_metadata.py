"""What stands beside the pixels never makes an image damaged, and is removed where other programs would refuse it."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from bot.media.images import probe_image
from bot.media.metadata import strip_metadata
from bot.media.types import GIF, JPEG, PNG, WEBP, MediaType

IMAGE = Image.effect_noise((40, 30), 60).convert("RGB")
EXIF = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 9999, 0x0112, 3, 9999, 0xFFFFFF) + b"\xff" * 20


def encoded(form: str, **settings: object) -> bytes:
    out = io.BytesIO()
    IMAGE.save(out, form, **settings)
    return out.getvalue()


def pixels_of(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def chunk(kind: bytes, body: bytes, *, crc_off_by: int = 0) -> bytes:
    crc = (zlib.crc32(kind + body) + crc_off_by) & 0xFFFFFFFF
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png_with(extra: bytes) -> bytes:
    """Return a PNG with chunks after its header."""
    plain = encoded("PNG")
    return plain[:33] + extra + plain[33:]


LONG_TEXT = zlib.compress(b"a" * (3 * 1024 * 1024))
BESIDE_THE_PIXELS: dict[str, bytes] = {
    "a long compressed text": png_with(chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT)),
    "a long international text": png_with(chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG_TEXT)),
    "a large colour profile": png_with(chunk(b"iCCP", b"profile\0\0" + LONG_TEXT)),
    "many texts": png_with(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 1_000_000)) * 80),
    "a wrong checksum of a text": png_with(chunk(b"tEXt", b"Comment\0hello", crc_off_by=1)),
    "a wrong checksum of a profile": png_with(chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"x"), crc_off_by=1)),
    "a wrong checksum of a time": png_with(chunk(b"tIME", b"\x07\xe8\1\1\1\1\1", crc_off_by=7)),
    "a short physical size": png_with(chunk(b"pHYs", b"\0")),
    "a short gamma": png_with(chunk(b"gAMA", b"")),
}


@pytest.mark.parametrize("what", sorted(BESIDE_THE_PIXELS))
def test_a_png_is_read_whatever_stands_beside_its_pixels(what: str) -> None:
    data = BESIDE_THE_PIXELS[what]
    assert not probe_image(data).readable
    stripped = strip_metadata(data, PNG)
    assert probe_image(stripped).readable
    assert pixels_of(stripped) == IMAGE.tobytes()


DAMAGED_EXIF: dict[str, tuple[MediaType, Callable[[], bytes]]] = {
    "JPEG": (JPEG, lambda: encoded("JPEG", exif=EXIF)),
    "PNG": (PNG, lambda: png_with(chunk(b"eXIf", EXIF[6:]))),
    "WEBP": (WEBP, lambda: encoded("WEBP", lossless=True, exif=EXIF)),
}


@pytest.mark.parametrize("form", sorted(DAMAGED_EXIF))
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_no_damage_of_the_image(form: str) -> None:
    media_type, make = DAMAGED_EXIF[form]
    data = make()
    info = probe_image(data)
    assert not info.rotated
    stripped = strip_metadata(data, media_type)
    assert EXIF[6:40] not in stripped
    assert probe_image(stripped).readable
    assert pixels_of(stripped) == pixels_of(encoded(form, **({"lossless": True} if form == "WEBP" else {})))


def test_a_damaged_pixel_is_still_damage() -> None:
    plain = encoded("PNG")
    at = plain.index(b"IDAT")
    for data in (plain[: at + 60], plain[: at + 4] + b"\0" * 40 + plain[at + 44 :]):
        with pytest.raises(Exception, match="damaged"):
            probe_image(data)


def test_transparency_and_frames_are_kept() -> None:
    clear = Image.new("P", (8, 8))
    out = io.BytesIO()
    clear.save(out, "PNG", transparency=0)
    with Image.open(io.BytesIO(strip_metadata(out.getvalue(), PNG))) as image:
        assert image.has_transparency_data
    stills = [IMAGE, IMAGE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    out = io.BytesIO()
    stills[0].save(out, "PNG", save_all=True, append_images=stills[1:])
    with Image.open(io.BytesIO(strip_metadata(out.getvalue(), PNG))) as image:
        assert getattr(image, "n_frames", 1) == 2


def test_other_formats_and_broken_structures_are_left_alone() -> None:
    gif = encoded("GIF")
    assert strip_metadata(gif, GIF) is gif
    for media_type, head in ((PNG, b"\x89PNG\r\n\x1a\n\0"), (JPEG, b"\xff\xd8\xff"), (JPEG, b"\xff\xd8\xff\xe1\xff")):
        assert isinstance(strip_metadata(head, media_type), bytes)


def test_a_jpeg_keeps_what_is_needed_to_draw_it() -> None:
    out = io.BytesIO()
    IMAGE.convert("CMYK").save(out, "JPEG", comment=b"hello", exif=Image.Exif())
    stripped = strip_metadata(out.getvalue(), JPEG)
    assert b"hello" not in stripped
    assert b"Adobe" in stripped  # without it, the colours would be inverted
    assert pixels_of(stripped) == pixels_of(out.getvalue())
