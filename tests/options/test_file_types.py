"""File types that an input accepts."""

from typing import Any

import pytest

from bot.media.types import MediaKind, MediaType
from bot.options.files import describe_types, is_accepted, read_accepted_types

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
