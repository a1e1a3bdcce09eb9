"""What kinds of file an input takes: told by its schema, else guessed from its words."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from bot.media.types import MediaKind, MediaType

# The endings that people and models name, and the kind that they mean.
_MEDIA_ENDINGS: Final = {
    "image/*": ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "heic", "avif"),
    "audio/*": ("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "wma", "aiff"),
    "video/*": ("mp4", "mov", "webm", "mkv", "avi", "flv", "m4v", "mpeg", "mpg", "wmv"),
}
_KIND_OF_ENDING: Final = {ending: kind for kind, endings in _MEDIA_ENDINGS.items() for ending in endings}
_OTHER_ENDINGS: Final = frozenset({
    "zip", "tar", "gz", "tgz", "7z", "npz", "npy", "pt", "pth", "ckpt", "safetensors", "onnx", "pkl", "parquet",
    "pdf", "csv", "json", "jsonl", "yaml", "yml", "xml", "txt", "md", "srt", "vtt", "docx", "epub",
    "glb", "gltf", "obj", "ply", "stl", "fbx", "mid", "midi",
})  # fmt: skip
_WORDS: Final = {
    "image/*": "image|images|img|photo|photos|photograph|picture|pictures|portrait|selfie|mask|sketch|drawing",
    "audio/*": "audio|speech|song|music|voice|vocals|recording|sound|speaker|melody",
    "video/*": "video|videos|clip|movie|footage|gif",
}
_KIND_WORDS: Final = {kind: re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") for kind, words in _WORDS.items()}
_DOTTED: Final = re.compile(r"(?<![\w./])\.([a-z0-9]{2,11})\b")
_BARE: Final = re.compile(r"(?<![\w./])(?:" + "|".join(sorted({*_KIND_OF_ENDING, *_OTHER_ENDINGS} - {"obj"})) + r")\b")
_MIME: Final = re.compile(r"[a-z]+/[a-z0-9.+*-]+")
_SPOKEN: Final = {"image/*": "an image", "audio/*": "an audio file", "video/*": "a video", "text/*": "a text file"}


def accepted_types(schema: Mapping[str, Any], name: str, description: str) -> tuple[str, ...]:
    """Return patterns such as ``image/*``, ``application/zip`` or ``.npz``; nothing means any file will do."""
    told = _told(schema.get("x-cog-accept"))
    if told is not None:
        return told
    text = description.lower()
    endings = {*_DOTTED.findall(text), *_BARE.findall(text)}
    kinds = {_KIND_OF_ENDING[ending] for ending in endings if ending in _KIND_OF_ENDING}
    others = {f".{ending}" for ending in endings if ending in _OTHER_ENDINGS}
    # “A .npz file with the voice to clone” takes an .npz; “an image or a zip of images” takes both.
    if not others or re.search(r"\bor\b", text):
        kinds |= _kinds_in(name.lower()) or _kinds_in(text)
    return (*sorted(kinds), *sorted(others))


def is_accepted(patterns: tuple[str, ...], found: MediaType, filename: str) -> bool:
    """Whether a file is of one of these kinds, by its bytes; by its name only where bytes cannot tell."""
    suffix = PurePath(filename).suffix.lower()
    return not patterns or any(_fits(pattern, found, suffix) for pattern in patterns)


def describe_types(patterns: tuple[str, ...]) -> str:
    """Return the patterns as a person says them: “an image or a video”."""
    return " or ".join(_SPOKEN.get(pattern, f"a {pattern} file") for pattern in patterns) or "a file"


def takes_images(patterns: tuple[str, ...]) -> bool:
    """Whether a picture is among what is taken, or nothing is ruled out."""
    return not patterns or any(pattern.startswith("image/") or pattern == "*/*" for pattern in patterns)


def _told(value: object) -> tuple[str, ...] | None:
    """Read ``x-cog-accept``: MIME types and endings, as HTML's ``accept`` writes them, or a list of such.

    None when it says nothing; empty when it says that any file will do.
    """
    parts = value if isinstance(value, list) else [value]
    words = [word for part in parts if isinstance(part, str) for word in re.split(r"[\s,;]+", part.lower()) if word]
    if "*/*" in words or "*" in words:
        return ()
    patterns = [_KIND_OF_ENDING.get(word.lstrip("."), word) if word.startswith(".") else word for word in words]
    known = (pattern for pattern in patterns if _MIME.fullmatch(pattern) or pattern.startswith("."))
    return tuple(dict.fromkeys(known)) or None


def _kinds_in(text: str) -> set[str]:
    return {kind for kind, words in _KIND_WORDS.items() if words.search(text)}


def _fits(pattern: str, found: MediaType, suffix: str) -> bool:
    if pattern.startswith("."):
        return pattern in (suffix, found.suffix)
    if pattern == "image/*":
        return found.kind is MediaKind.IMAGE
    if pattern == "audio/*" and found.kind is MediaKind.VIDEO:
        return True  # models that listen read the sound of a video
    if pattern == "text/*":
        return found.kind is MediaKind.TEXT
    if found.mime == "application/octet-stream" and pattern in ("audio/*", "video/*"):
        return _KIND_OF_ENDING.get(suffix[1:]) == pattern
    family, _, rest = pattern.partition("/")
    return found.mime.split("/")[0] == family if rest == "*" else found.mime == pattern
