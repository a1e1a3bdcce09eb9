"""Shapes: what an output schema asks for."""

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import Any

from sandbox.replicate.validation import resolve

Schema = Mapping[str, Any]


class FileKind(StrEnum):
    """What sort of file a ``uri`` in an output is, as far as its name tells."""

    IMAGE = auto()
    VIDEO = auto()
    AUDIO = auto()
    ARCHIVE = auto()
    TEXT = auto()
    SHAPE = auto()
    DATA = auto()


_WORDS: tuple[tuple[FileKind, tuple[str, ...]], ...] = (
    (FileKind.ARCHIVE, ("zip", "archive", "bundle")),
    (FileKind.SHAPE, ("mesh", "glb", "3d", "point cloud")),
    (FileKind.DATA, ("npz", "safetensors", "weights")),
    (FileKind.TEXT, ("srt", "vtt", "subtitle", "transcript", "txt", "caption file")),
    (FileKind.IMAGE, ("image", "photo", "picture", "mask", "upscal")),
    (FileKind.VIDEO, ("video", "film", "movie", "animat")),
    (FileKind.AUDIO, ("audio", "speech", "music", "voice", "sound", "song", "tts", "clone")),
)


def file_kind(*hints: str) -> FileKind:
    """Return the kind of file that the first telling hint names; an image where none does."""
    for hint in hints:
        for kind, words in _WORDS:
            if any(word in hint.lower() for word in words):
                return kind
    return FileKind.IMAGE


def is_iterator(schema: Schema) -> bool:
    """Whether outputs come one by one."""
    return schema.get("x-cog-array-type") == "iterator"


def is_text_stream(schema: Schema) -> bool:
    """Whether outputs are pieces of one text."""
    return schema.get("x-cog-array-display") == "concatenate"


def has_files(schema: Schema, schemas: Schema) -> bool:
    """Whether an output is a file, or a list (of lists) of files: such predictions have a file stream."""
    resolved = resolve(schema, schemas)
    if resolved.get("type") == "array":
        return has_files(resolved.get("items", {}), schemas)
    return resolved.get("format") == "uri"
