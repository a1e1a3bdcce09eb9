"""Types of media are told from bytes, and references to files from inputs."""

import io
import json
import struct
import tarfile
import zipfile
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.media import types
from bot.media.types import HEAD_BYTES, MediaKind, MediaType, find_references, format_reference, parse_reference, sniff


@pytest.mark.parametrize(
    ("value", "index"),
    [("file:0", 0), ("file:12", 12), ("file:", None), ("file:-1", None), ("a file:0", None), (0, None), (None, None)],
)
def test_only_a_whole_reference_is_parsed(value: Any, index: int | None) -> None:
    assert parse_reference(value) == index
    if index is not None:
        assert format_reference(index) == value


def test_references_are_found_at_any_depth() -> None:
    assert find_references({"a": "file:0", "b": ["x", "file:2", {"c": ("file:5",)}], "d": 7}) == {0, 2, 5}
    assert find_references("text") == frozenset()


def image_bytes(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, form)
    return out.getvalue()


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(body) + 4) + body + b"\0\0\0\x08free" + b"mdat" * 20


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode()
    return struct.pack("<Q", len(header)) + header


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s at 44.1 kHz is 417 bytes a frame
ADTS_FRAME = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)  # its header says that it is 16 bytes long

SAMPLES: list[tuple[MediaType, bytes]] = [
    *(
        (getattr(types, form), image_bytes(form))
        for form in ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "ICO")
    ),
    (types.HEIC, ftyp(b"heic", b"mif1")),
    (types.HEIC, ftyp(b"mif1", b"heic")),
    (types.AVIF, ftyp(b"mif1", b"avif")),
    (types.MP4, ftyp(b"isom", b"iso2", b"avc1")),
    (types.MOV, ftyp(b"qt  ")),
    (types.M4A, ftyp(b"M4A ", b"isom")),
    (types.WEBM, b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"),
    (types.MKV, b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska"),
    (types.AVI, b"RIFF\x10\0\0\0AVI LIST"),
    (types.WAV, b"RIFF\x10\0\0\0WAVEfmt "),
    (types.FLAC, b"fLaC\0\0\0\x22"),
    (types.OGG, b"OggS" + bytes(24) + b"\x01vorbis"),
    (types.OPUS, b"OggS" + bytes(24) + b"OpusHead"),
    (types.OGV, b"OggS" + bytes(24) + b"\x80theora"),
    (types.MP3, MP3_FRAME * 3),
    (types.MP3, b"ID3\x04\0\0\0\0\x00\x0a" + bytes(10) + MP3_FRAME),
    (types.FLAC, b"ID3\x04\0\0\0\0\x00\x0a" + bytes(10) + b"fLaC"),
    (types.AAC, ADTS_FRAME * 3),
    (types.PDF, b"%PDF-1.7\n"),
    (types.ZIP, zipped("a.txt")),
    (types.NPZ, zipped("semantic_prompt.npy")),
    (types.GZIP, b"\x1f\x8b\x08" + bytes(7)),
    (types.TAR, tarred()),
    (types.SEVEN_ZIP, b"7z\xbc\xaf\x27\x1c\0\x04"),
    (types.GLB, b"glTF\x02\0\0\0"),
    (types.SAFETENSORS, safetensors()),
    (types.JSON, b'{"a": [1, 2]}'),
    (types.JSON, (b'[{"text": "' + b"long " * 2000)[:HEAD_BYTES]),
    (types.HTML, b"<!DOCTYPE html><title>x</title>"),
    (types.SVG, b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
    (types.VTT, b"WEBVTT\n\n00:00.000 --> 00:01.000\nhi"),
    (types.TEXT, "Grüße, 世界 🌍\n".encode()),
    (types.TEXT, "\ufeffWindows wrote this".encode("utf-16")),
    (types.TEXT, b"[1] is how a footnote begins, not JSON"),
    (types.TEXT, b"BM begins many words"),
    (types.UNKNOWN, bytes(range(256))),
    (types.UNKNOWN, b""),
]


@pytest.mark.parametrize(("expected", "data"), SAMPLES, ids=[f"{t.suffix}-{n}" for n, (t, _) in enumerate(SAMPLES)])
def test_every_type_is_detected_from_its_first_bytes(expected: MediaType, data: bytes) -> None:
    assert sniff(data) == expected


def test_text_cut_within_a_character_is_still_text() -> None:
    text = ("世" * HEAD_BYTES).encode()
    assert {sniff(text[:size]) for size in range(HEAD_BYTES - 3, HEAD_BYTES)} == {types.TEXT}


@pytest.mark.parametrize("sync", [b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80\x02\x1f\xfc"])
def test_bytes_like_a_single_audio_frame_are_not_audio(sync: bytes) -> None:
    assert sniff(sync + b"\x01\x02\x03" * 1000).kind is MediaKind.OTHER


@settings(deadline=None)
@given(st.binary(max_size=600))
@example(b"[" * 5000)
@example(b"\xff\xfe\x00\xd8")
def test_any_bytes_have_a_type(data: bytes) -> None:
    media_type = sniff(data)
    assert media_type.suffix.startswith(".")
    assert "/" in media_type.mime


@settings(deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 64))
def test_head_cut_anywhere_has_a_type(sample: tuple[MediaType, bytes], size: int) -> None:
    assert sniff(sample[1][:size]).mime
