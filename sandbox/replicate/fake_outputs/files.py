"""A small but valid file of every kind that an output can be."""

import asyncio
import hashlib
import io
import json
import math
import struct
import wave
import zipfile
from collections.abc import Callable, Mapping

from sandbox.replicate.fake_outputs.images import POSTER_SIZE, draw_poster, encode_image
from sandbox.replicate.fake_outputs.text import write_sentence
from sandbox.replicate.fake_outputs.video import make_video
from sandbox.replicate.schema import FileKind

SAMPLE_RATE = 16_000
_PENTATONIC = (0, 2, 4, 7, 9, 12)  # a pentatonic scale has no wrong notes
_NOTE_SECONDS = 0.28


def make_melody(seed: bytes, *, seconds: float = 2.5) -> bytes:
    """Return a WAV file with a tune that depends on ``seed``."""
    notes = [seed[index % len(seed)] % len(_PENTATONIC) for index in range(max(1, round(seconds / _NOTE_SECONDS)))]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(b"".join(_make_tone(220 * 2 ** (_PENTATONIC[note] / 12)) for note in notes))
    return out.getvalue()


def _make_tone(frequency: float) -> bytes:
    count = round(SAMPLE_RATE * _NOTE_SECONDS)
    samples = (
        round(9000 * math.sin(2 * math.pi * frequency * index / SAMPLE_RATE) * math.sin(math.pi * index / count))
        for index in range(count)
    )
    return struct.pack(f"<{count}h", *samples)


async def make_file(
    kind: FileKind, *, prompt: str, seed: str, picture_size: tuple[int, int] = POSTER_SIZE
) -> tuple[bytes, str]:
    """Return a file of this kind and the suffix of its name; a picture is of that size in pixels."""
    if kind is FileKind.IMAGE:
        return await asyncio.to_thread(_make_image, prompt, seed, picture_size), "webp"
    make, suffix = _MAKERS[kind]
    return await asyncio.to_thread(make, f"{prompt}:{seed}"), suffix


def _make_image(prompt: str, seed: str, size: tuple[int, int]) -> bytes:
    return encode_image(draw_poster(prompt, seed=seed, size=size))


def _make_video(seed: str) -> bytes:
    return make_video(hashlib.sha256(seed.encode()).digest())


def _make_audio(seed: str) -> bytes:
    return make_melody(hashlib.sha256(seed.encode()).digest())


def _make_archive(seed: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        # ZipInfo has a fixed date, so the same seed gives the same bytes.
        file.writestr(zipfile.ZipInfo("read-me.txt"), f"Packed by the sandbox.\n{write_sentence(seed)}\n")
        file.writestr(zipfile.ZipInfo("tune.wav"), _make_audio(seed))
    return out.getvalue()


def _make_subtitles(seed: str) -> bytes:
    return f"1\n00:00:00,000 --> 00:00:02,500\n{write_sentence(seed)}\n".encode()


def _make_mesh(seed: str) -> bytes:
    """Return a glTF binary with one triangle."""
    points = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0.5, 1, seed.count("e") / 100)
    scene = {
        "asset": {"version": "2.0", "generator": "sandbox"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1]}
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(points)}],
        "buffers": [{"byteLength": len(points)}],
    }
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(points), b"BIN\0") + points
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _make_data(seed: str) -> bytes:
    return hashlib.sha256(seed.encode()).digest() * 8


_MAKERS: Mapping[FileKind, tuple[Callable[[str], bytes], str]] = {
    FileKind.VIDEO: (_make_video, "mp4"),
    FileKind.AUDIO: (_make_audio, "wav"),
    FileKind.ARCHIVE: (_make_archive, "zip"),
    FileKind.TEXT: (_make_subtitles, "srt"),
    FileKind.SHAPE: (_make_mesh, "glb"),
    FileKind.DATA: (_make_data, "npz"),
}
