"""Artefacts: a small real file of every kind that an output may be."""

import asyncio
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping

from sandbox.replicate.drawing import encode
from sandbox.replicate.films import film
from sandbox.replicate.posters import draw_poster
from sandbox.replicate.shapes import FileKind
from sandbox.replicate.sounds import melody
from sandbox.replicate.texts import sentence


async def artefact(kind: FileKind, *, prompt: str, seed: str, format: str = "webp") -> tuple[bytes, str]:  # noqa: A002 -- as inputs call it
    """Return a file of this kind and the suffix of its name."""
    if kind is FileKind.IMAGE:
        return await asyncio.to_thread(_image, prompt, seed, format), format
    data, suffix = _MAKERS[kind]
    return await asyncio.to_thread(data, f"{prompt}:{seed}"), suffix


def _image(prompt: str, seed: str, format: str) -> bytes:  # noqa: A002 -- as inputs call it
    return encode(draw_poster(prompt, seed=seed), format=format)


def _video(seed: str) -> bytes:
    return film(hashlib.sha256(seed.encode()).digest())


def _audio(seed: str) -> bytes:
    return melody(hashlib.sha256(seed.encode()).digest())


def _archive(seed: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        # A fixed date: the same seed gives the same bytes.
        file.writestr(zipfile.ZipInfo("read-me.txt"), f"Packed by the sandbox.\n{sentence(seed)}\n")
        file.writestr(zipfile.ZipInfo("tune.wav"), _audio(seed))
    return out.getvalue()


def _subtitles(seed: str) -> bytes:
    return f"1\n00:00:00,000 --> 00:00:02,500\n{sentence(seed)}\n".encode()


def _triangle(seed: str) -> bytes:
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


def _numbers(seed: str) -> bytes:
    return hashlib.sha256(seed.encode()).digest() * 8


_MAKERS: Mapping[FileKind, tuple[Callable[[str], bytes], str]] = {
    FileKind.VIDEO: (_video, "mp4"),
    FileKind.AUDIO: (_audio, "wav"),
    FileKind.ARCHIVE: (_archive, "zip"),
    FileKind.TEXT: (_subtitles, "srt"),
    FileKind.SHAPE: (_triangle, "glb"),
    FileKind.DATA: (_numbers, "npz"),
}
