"""Uploaded files: which types an input accepts, and what is checked before anything is paid."""

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.errors import BadOption, UserError
from bot.media.types import HEAD_BYTES, MediaKind, MediaType, SpooledFile, StoredFile, sniff
from bot.options.files import (
    UploadedFile,
    check_file_size,
    check_total_size,
    describe_types,
    is_accepted,
    read_accepted_types,
    read_attachment,
)

IMAGES = ("image/*",)


def image_bytes(form: str = "PNG", size: tuple[int, int] = (8, 4), orientation: int | None = None) -> bytes:
    data = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", size, (200, 30, 30)).save(data, form, exif=exif)
    return data.getvalue()


def read(
    filename: str, data: bytes, accepts: tuple[str, ...] = IMAGES, option: str = "subject"
) -> tuple[UploadedFile, bytes]:
    """Return a downloaded file as it is read, and the bytes that are sent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "0")
        path.write_bytes(data)
        uploaded = read_attachment(option, filename, path, accepts)
        assert isinstance(uploaded.media, SpooledFile)
        sent = uploaded.media.read()
        assert uploaded.media.size == len(sent)
        assert uploaded.media.type == sniff(sent[:HEAD_BYTES])
        return uploaded, sent


def rejection(filename: str, data: bytes, accepts: tuple[str, ...] = IMAGES) -> str:
    with pytest.raises(BadOption) as caught:
        read(filename, data, accepts)
    assert caught.value.option == "subject"
    assert caught.value.sentence.startswith("`subject`")
    return caught.value.sentence


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_image_that_every_model_reads_is_unchanged(form: str) -> None:
    data = image_bytes(form)
    uploaded, sent = read("me.png", data)
    assert sent == data
    assert uploaded.thumbnail is not None
    assert (uploaded.media.type.mime, uploaded.notes) == (f"image/{form.lower()}", ())


def test_sideways_photo_is_rotated_with_a_note() -> None:
    uploaded, sent = read("me.jpg", image_bytes("JPEG", (40, 20), orientation=6))
    with Image.open(io.BytesIO(sent)) as image:
        assert image.size == (20, 40)
    assert uploaded.notes == ("Your photo was turned upright.",)


def test_text_named_as_an_image_is_rejected() -> None:
    assert rejection("me.png", b"I am no image, honestly.") == "`subject` must be an image (“me.png” is text)."


def test_damaged_image_is_rejected_by_any_input() -> None:
    cut = image_bytes(size=(200, 200))[:-60]
    assert "“me.png” can't be used." in rejection("me.png", cut)
    assert "“me.png” can't be used." in rejection("me.png", cut, ())


def test_image_of_too_many_pixels_is_rejected() -> None:
    data = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(data, "PNG")
    assert "can't be used" in rejection("me.png", data.getvalue())


def test_empty_file_is_rejected() -> None:
    assert rejection("me.png", b"") == "`subject`: “me.png” is empty."


def test_file_over_the_limit_is_rejected() -> None:
    with pytest.raises(BadOption) as caught:
        check_file_size("subject", "big.mp4", 150_000_000)
    assert caught.value.sentence == "`subject`: “big.mp4” is 143.1 MB, but files may have up to 95.4 MB."
    check_file_size("subject", "ok.mp4", 100_000_000)


@pytest.mark.parametrize(
    ("data", "accepts", "sentence"),
    [
        (image_bytes(), ("audio/*",), "`subject` must be an audio file (“f” is an image)."),
        (b"%PDF-1.7 ...", IMAGES, "`subject` must be an image (“f” is a .pdf file)."),
        (b"\x00\x01\x02\x03" * 9, IMAGES, "`subject` must be an image (“f” is a file of an unknown type)."),
        (image_bytes(), (".npz",), "`subject` must be a .npz file (“f” is an image)."),
    ],
)
def test_wrong_type_of_file_is_rejected(data: bytes, accepts: tuple[str, ...], sentence: str) -> None:
    assert rejection("f", data, accepts) == sentence


@pytest.mark.parametrize(
    ("filename", "expected"),
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
def test_filename_is_cleaned_and_fits_the_type(filename: str, expected: str) -> None:
    assert read(filename, image_bytes())[0].media.name == expected


def test_long_filename_fits_replicates_limit() -> None:
    name = read("é" * 300 + ".png", image_bytes())[0].media.name
    assert len(name.encode()) <= 255
    assert name.endswith(".png")


def test_other_files_keep_their_suffix() -> None:
    assert read("voice.npz", b"PK\x03\x04" + b"\x00" * 40, (".npz",))[0].media.name == "voice.npz"


def animated(form: str) -> bytes:
    stills = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    data = io.BytesIO()
    stills[0].save(data, form, save_all=True, append_images=stills[1:])
    return data.getvalue()


HEIC = (Path(__file__).parents[1] / "media" / "photo.heic").read_bytes()
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
ICO = b"\0\0\1\0\1\0" + b"\x10\x10\0\0\1\0\x20\0" + bytes(60)
VIDEOS = ("image/*", "video/*")


@pytest.mark.parametrize(
    ("filename", "data", "accepts", "sent_as", "notes"),
    [
        ("IMG_1.HEIC", HEIC, IMAGES, "IMG_1.jpg", ("Your HEIC image was converted to JPEG.",)),
        ("IMG_1.heic", HEIC, ("image/png",), "IMG_1.png", ("Your HEIC image was converted to PNG.",)),
        ("IMG_1.heic", HEIC, VIDEOS, "IMG_1.jpg", ("Your HEIC image was converted to JPEG.",)),
        ("me.avif", image_bytes("AVIF"), IMAGES, "me.jpg", ("Your AVIF image was converted to JPEG.",)),
        ("me.bmp", image_bytes("BMP"), IMAGES, "me.png", ("Your BMP image was converted to PNG.",)),
        ("me.tif", image_bytes("TIFF"), IMAGES, "me.png", ("Your TIFF image was converted to PNG.",)),
        ("me.gif", image_bytes("GIF"), IMAGES, "me.png", ("Your GIF image was converted to PNG.",)),
        ("me.gif", animated("GIF"), IMAGES, "me.png", ("Only the first frame of your animation is used.",)),
        ("me.webp", animated("WEBP"), IMAGES, "me.png", ("Only the first frame of your animation is used.",)),
        ("me.png", animated("PNG"), IMAGES, "me.png", ("Only the first frame of your animation is used.",)),
        ("me.tif", animated("TIFF"), IMAGES, "me.png", ("Only the first page of your file is used.",)),
        ("me.webp", image_bytes("WEBP"), ("image/png", "image/jpeg"), "me.png", None),
        ("me.png", image_bytes(), ("image/jpeg",), "me.jpg", ("Your PNG image was converted to JPEG.",)),
    ],
)
def test_image_is_sent_as_every_model_reads_it(
    filename: str, data: bytes, accepts: tuple[str, ...], sent_as: str, notes: tuple[str, ...] | None
) -> None:
    uploaded, sent = read(filename, data, accepts)
    assert uploaded.media.name == sent_as
    assert uploaded.thumbnail is not None
    if notes is not None:
        assert uploaded.notes == notes
    with Image.open(io.BytesIO(sent)) as image:
        assert (image.format in ("JPEG", "PNG"), getattr(image, "n_frames", 1)) == (True, 1)


@pytest.mark.parametrize(
    ("filename", "data", "accepts"),
    [
        ("me.gif", animated("GIF"), VIDEOS),
        ("me.gif", image_bytes("GIF"), VIDEOS),
        ("me.webp", animated("WEBP"), ("image/webp",)),
        ("me.gif", animated("GIF"), ("image/gif",)),
        ("me.heic", HEIC, ("image/heic",)),
        ("me.heic", HEIC, ()),
        ("me.gif", animated("GIF"), ()),
        ("me.svg", SVG, ("image/svg+xml",)),
        ("me.svg", SVG, ()),
        ("me.ico", ICO, ()),
        ("me.heic", HEIC, ("image/*", "image/heic")),
    ],
)
def test_what_an_input_asks_for_is_unchanged(filename: str, data: bytes, accepts: tuple[str, ...]) -> None:
    uploaded, sent = read(filename, data, accepts)
    assert (sent, uploaded.media.name, uploaded.notes) == (data, filename, ())


@pytest.mark.parametrize(("filename", "data", "kind"), [("me.svg", SVG, "SVG"), ("me.ico", ICO, "ICO")])
def test_drawings_and_icons_are_refused_for_pictures(filename: str, data: bytes, kind: str) -> None:
    sentence = rejection(filename, data)
    assert f"“{filename}” is an {kind} file" in sentence
    assert sentence.endswith("Send it as PNG or JPEG.")


def test_a_picture_with_damaged_metadata_is_sent_without_them() -> None:
    plain = image_bytes()
    text = b"tEXtComment\0hello"
    damaged = plain[:33] + len(text[4:]).to_bytes(4, "big") + text + b"\0\0\0\0" + plain[33:]
    uploaded, sent = read("me.png", damaged)
    assert (sent, uploaded.notes) == (plain, ())


def test_files_of_one_run_are_limited_together() -> None:
    files = [StoredFile("f.mp4", MP4, 99_000_000, "run", number) for number in range(4)]
    check_total_size(files[:3])
    with pytest.raises(UserError, match="together"):
        check_total_size(files)


PNG = MediaType("image/png", ".png", MediaKind.IMAGE)
MP3 = MediaType("audio/mpeg", ".mp3", MediaKind.AUDIO)
MP4 = MediaType("video/mp4", ".mp4", MediaKind.VIDEO)
ZIP = MediaType("application/zip", ".zip", MediaKind.ARCHIVE)
TEXT = MediaType("text/plain", ".txt", MediaKind.TEXT)
BYTES = MediaType("application/octet-stream", ".bin", MediaKind.OTHER)


@pytest.mark.parametrize(
    ("description", "accepted", "rejected"),
    [
        ("An image of a person", [(PNG, "a.png")], [(MP3, "a.mp3"), (TEXT, "fake.png"), (BYTES, "broken.png")]),
        ("Speaker audio (wav, mp3, m4a, ogg, or flv)", [(MP3, "a.mp3"), (BYTES, "a.flv")], [(PNG, "a.png")]),
        ("Provide your own .npz file for audio cloning", [(ZIP, "voice.npz")], [(MP3, "a.mp3"), (ZIP, "voice.zip")]),
        ("An image or a zip of images", [(PNG, "a.png"), (ZIP, "a.zip")], [(MP3, "a.mp3")]),
        ("Song to listen to", [(MP3, "a.mp3"), (MP4, "clip.mp4")], [(PNG, "a.png")]),
        ("", [(PNG, "a.png"), (BYTES, "whatever")], []),
    ],
)
def test_accepted_types_are_guessed_from_the_description(
    description: str, accepted: list[tuple[MediaType, str]], rejected: list[tuple[MediaType, str]]
) -> None:
    patterns = read_accepted_types({}, "it", description)
    assert [name for media_type, name in accepted if not is_accepted(patterns, media_type, name)] == []
    assert [name for media_type, name in rejected if is_accepted(patterns, media_type, name)] == []


@pytest.mark.parametrize(
    ("accept", "patterns"),
    [
        ("image/*", ("image/*",)),
        ("image/png, .jpg", ("image/png", "image/*")),
        (["audio/*", ".npz"], ("audio/*", ".npz")),
        ("*/*", ()),
        (7, ("image/*",)),
    ],
)
def test_declared_types_come_before_the_description(accept: Any, patterns: tuple[str, ...]) -> None:
    assert read_accepted_types({"x-cog-accept": accept}, "it", "An image") == patterns


def test_types_are_described_in_words() -> None:
    assert describe_types(("image/*", ".npz")) == "an image or a .npz file"
    assert describe_types(("image/png",)) == "an image/png file"
    assert describe_types(()) == "a file"
