"""Files that people attach, looked at before anything is paid."""

import io

import pytest
from PIL import Image

from bot.errors import BadOption
from bot.options.attachments import check_file_size, read_attachment

IMAGES = ("image/*",)


def picture(form: str = "PNG", size: tuple[int, int] = (8, 4), orientation: int | None = None) -> bytes:
    data = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", size, (200, 30, 30)).save(data, form, exif=exif)
    return data.getvalue()


def refusal(filename: str, data: bytes, accepts: tuple[str, ...] = IMAGES) -> str:
    with pytest.raises(BadOption) as caught:
        read_attachment("subject", filename, data, accepts)
    assert caught.value.option == "subject"
    assert caught.value.sentence.startswith("`subject`")
    return caught.value.sentence


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_good_picture_travels_as_it_is(form: str) -> None:
    data = picture(form)
    taken = read_attachment("subject", "me.png", data, IMAGES)
    assert taken.media.data is data
    assert (taken.media.type.mime, taken.notes) == (f"image/{form.lower()}", ())


def test_a_photo_on_its_side_is_turned_and_that_is_said() -> None:
    taken = read_attachment("subject", "me.jpg", picture("JPEG", (40, 20), orientation=6), IMAGES)
    with Image.open(io.BytesIO(taken.media.data)) as image:
        assert image.size == (20, 40)
    assert taken.notes == ("Your photo was turned upright.",)


def test_text_in_disguise_is_refused() -> None:
    assert refusal("me.png", b"I am no picture, honestly.") == "`subject` needs an image; “me.png” is text."


def test_a_broken_picture_is_refused_whatever_the_input_takes() -> None:
    cut = picture(size=(200, 200))[:-60]
    assert "“me.png” cannot be used." in refusal("me.png", cut)
    assert "“me.png” cannot be used." in refusal("me.png", cut, ())


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    data = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(data, "PNG")
    assert "cannot be used" in refusal("me.png", data.getvalue())


def test_an_empty_file_is_refused() -> None:
    assert refusal("me.png", b"") == "`subject`: “me.png” is empty."


def test_a_file_over_the_limit_is_refused_before_it_is_downloaded() -> None:
    with pytest.raises(BadOption) as caught:
        check_file_size("subject", "big.mp4", 150_000_000)
    assert caught.value.sentence == "`subject`: “big.mp4” is 143.1 MB, but Replicate takes files of up to 95.4 MB."
    check_file_size("subject", "ok.mp4", 100_000_000)


@pytest.mark.parametrize(
    ("data", "accepts", "sentence"),
    [
        (picture(), ("audio/*",), "`subject` needs an audio file; “f” is an image."),
        (b"%PDF-1.7 ...", IMAGES, "`subject` needs an image; “f” is a .pdf file."),
        (b"\x00\x01\x02\x03" * 9, IMAGES, "`subject` needs an image; “f” is of a kind that cannot be told."),
        (picture(), (".npz",), "`subject` needs a .npz file; “f” is an image."),
    ],
)
def test_the_wrong_kind_of_file_is_refused(data: bytes, accepts: tuple[str, ...], sentence: str) -> None:
    assert refusal("f", data, accepts) == sentence


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("me.png", "me.png"),
        ("me.jpg", "me.png"),
        ("me", "me.png"),
        ("../../etc/me.png", "me.png"),
        ("C:\\photos\\me.png", "me.png"),
        ("m\u202ee\u0000.png", "me.png"),
        ("", "file.png"),
    ],
)
def test_a_name_is_only_a_name_and_ends_as_its_bytes_do(given: str, kept: str) -> None:
    assert read_attachment("subject", given, picture(), IMAGES).media.name == kept


def test_a_long_name_fits_replicates_limit() -> None:
    name = read_attachment("subject", "é" * 300 + ".png", picture(), IMAGES).media.name
    assert len(name.encode()) <= 255
    assert name.endswith(".png")


def test_files_that_are_no_pictures_keep_their_ending() -> None:
    assert read_attachment("f", "voice.npz", b"PK\x03\x04" + b"\x00" * 40, (".npz",)).media.name == "voice.npz"
