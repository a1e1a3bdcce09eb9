"""Width and height are read from an image's first bytes."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.media.dimensions import read_dimensions
from bot.media.types import GIF, JPEG, PDF, PNG, WEBP, MediaType


def encode(form: str, *, mode: str = "RGB", size: tuple[int, int] = (321, 54), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, form, **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x010E] = "a long description " * 200

IMAGES: list[tuple[MediaType, bytes]] = [
    (PNG, encode("PNG")),
    (GIF, encode("GIF", mode="P")),
    (JPEG, encode("JPEG")),
    (JPEG, encode("JPEG", progressive=True, exif=EXIF)),
    (WEBP, encode("WEBP")),
    (WEBP, encode("WEBP", lossless=True)),
    (WEBP, encode("WEBP", mode="RGBA", exif=EXIF)),
]


@pytest.mark.parametrize(("kind", "data"), IMAGES, ids=range(len(IMAGES)))
def test_every_kind_is_measured(kind: MediaType, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    assert read_dimensions(data, kind) == read_dimensions(path, kind) == (321, 54)


@pytest.mark.parametrize(("kind", "data"), IMAGES, ids=range(len(IMAGES)))
def test_truncated_images_have_no_size(kind: MediaType, data: bytes) -> None:
    assert read_dimensions(data[:8], kind) is None
    assert read_dimensions(data[:23], kind) in {None, (321, 54)}


def test_other_files_have_no_size(tmp_path: Path) -> None:
    assert read_dimensions(b"%PDF-1.7", PDF) is None
    assert read_dimensions(tmp_path / "gone.png", PNG) is None


@given(st.binary(max_size=400), st.sampled_from([PNG, GIF, JPEG, WEBP]))
def test_any_bytes_are_read(data: bytes, kind: MediaType) -> None:
    found = read_dimensions(data, kind)
    assert found is None or min(found) > 0
