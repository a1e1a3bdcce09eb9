"""The file types that an input accepts, read from its schema or guessed from its description."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from bot.media.types import MediaKind, MediaType

# File endings that models name, by the media type they stand for.
_MEDIA_ENDINGS: Final = {
    "image/*": ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "heic", "avif"),
    "audio/*": ("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "wma", "aiff"),
    "video/*": ("mp4", "mov", "webm", "mkv", "avi", "flv", "m4v", "mpeg", "mpg", "wmv"),
}
_TYPE_OF_ENDING: Final = {ending: mime for mime, endings in _MEDIA_ENDINGS.items() for ending in endings}
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
_TYPE_WORDS: Final = {mime: re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") for mime, words in _WORDS.items()}
_DOTTED_ENDING: Final = re.compile(r"(?<![\w./])\.([a-z0-9]{2,11})\b")
_BARE_ENDING: Final = re.compile(
    r"(?<![\w./])(?:" + "|".join(sorted({*_TYPE_OF_ENDING, *_OTHER_ENDINGS} - {"obj"})) + r")\b"
)
_MIME_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+*-]+")
_DESCRIPTIONS: Final = {
    "image/*": "an image",
    "audio/*": "an audio file",
    "video/*": "a video",
    "text/*": "a text file",
}


def read_accepted_types(schema: Mapping[str, Any], name: str, description: str) -> tuple[str, ...]:
    """Return patterns such as ``image/*``, ``application/zip`` or ``.npz``; none means that any file is accepted."""
    declared = _parse_accept(schema.get("x-cog-accept"))
    if declared is not None:
        return declared
    text = description.lower()
    endings = {*_DOTTED_ENDING.findall(text), *_BARE_ENDING.findall(text)}
    types = {_TYPE_OF_ENDING[ending] for ending in endings if ending in _TYPE_OF_ENDING}
    others = {f".{ending}" for ending in endings if ending in _OTHER_ENDINGS}
    # “A .npz file with the voice to clone” accepts an .npz only; “an image or a zip of images” accepts both.
    if not others or re.search(r"\bor\b", text):
        types |= _find_types(name.lower()) or _find_types(text)
    return (*sorted(types), *sorted(others))


def is_accepted(patterns: tuple[str, ...], media_type: MediaType, filename: str) -> bool:
    """Return whether a file matches a pattern by its sniffed type, or by its name if its bytes are inconclusive."""
    suffix = PurePath(filename).suffix.lower()
    return not patterns or any(_matches(pattern, media_type, suffix) for pattern in patterns)


def describe_types(patterns: tuple[str, ...]) -> str:
    """Return the patterns in words: “an image or a video”."""
    return " or ".join(_DESCRIPTIONS.get(pattern) or _describe_pattern(pattern) for pattern in patterns) or "a file"


def accepts_images(patterns: tuple[str, ...]) -> bool:
    return not patterns or any(pattern.startswith("image/") or pattern == "*/*" for pattern in patterns)


def _parse_accept(value: object) -> tuple[str, ...] | None:
    """Parse ``x-cog-accept``: MIME types and endings as in HTML's ``accept``, or a list of them.

    None means that nothing is declared; an empty tuple that any file is accepted.
    """
    parts = value if isinstance(value, list) else [value]
    words = [word for part in parts if isinstance(part, str) for word in re.split(r"[\s,;]+", part.lower()) if word]
    if "*/*" in words or "*" in words:
        return ()
    patterns = [_TYPE_OF_ENDING.get(word.lstrip("."), word) if word.startswith(".") else word for word in words]
    known = (pattern for pattern in patterns if _MIME_TYPE.fullmatch(pattern) or pattern.startswith("."))
    return tuple(dict.fromkeys(known)) or None


def _find_types(text: str) -> set[str]:
    return {mime for mime, words in _TYPE_WORDS.items() if words.search(text)}


def _matches(pattern: str, media_type: MediaType, suffix: str) -> bool:
    if pattern.startswith("."):
        return pattern in (suffix, media_type.suffix)
    if pattern == "image/*":
        return media_type.kind is MediaKind.IMAGE
    if pattern == "audio/*" and media_type.kind is MediaKind.VIDEO:
        return True  # models that take audio read the sound track of a video
    if pattern == "text/*":
        return media_type.kind is MediaKind.TEXT
    if media_type.mime == "application/octet-stream" and pattern in ("audio/*", "video/*"):
        return _TYPE_OF_ENDING.get(suffix[1:]) == pattern
    family, _, subtype = pattern.partition("/")
    return media_type.mime.split("/")[0] == family if subtype == "*" else media_type.mime == pattern


def _describe_pattern(pattern: str) -> str:
    return f"{'an' if pattern[0] in 'aeiou' else 'a'} {pattern} file"
