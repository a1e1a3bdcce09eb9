"""The pictures of characters: small, upright, without what cameras write into them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from bot.limits import CHARACTER_PICTURE_BYTES, CHARACTER_SIDE
from bot.media.images import BadImage, make_saved_picture
from bot.media.types import JPEG, PNG, WEBP
from tests.media.test_images import encoded, noise, rotated_photo


def read(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_large_photo_becomes_a_small_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(noise(size=(3000, 2000)), "PNG"))
    picture, thumbnail = make_saved_picture("me.heic.png", path)
    assert (picture.type, picture.name) == (JPEG, "me.heic.jpg")
    assert read(picture.data).size == (CHARACTER_SIDE, CHARACTER_SIDE * 2 // 3)
    assert thumbnail.type == WEBP
    assert max(read(thumbnail.data).size) <= 256


def test_noise_is_kept_within_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(noise(size=(1536, 1536)), "PNG"))
    picture, _ = make_saved_picture("me.png", path)
    assert picture.size <= CHARACTER_PICTURE_BYTES


def test_a_turned_photo_is_upright_and_without_metadata(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(rotated_photo())
    picture, _ = make_saved_picture("me.jpg", path)
    assert len(read(picture.data).getexif()) == 0
    assert b"Exif" not in picture.data


def test_transparency_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(noise("RGBA"), "PNG"))
    picture, _ = make_saved_picture("logo.png", path)
    assert picture.type == PNG
    assert read(picture.data).mode == "RGBA"


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(b"just words")
    with pytest.raises(BadImage, match="isn't an image"):
        make_saved_picture("me.png", path)
