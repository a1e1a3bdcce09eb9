"""Input files: the types that an input accepts, and the checks of an attached file before anything is paid."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from bot.errors import BadOption, UserError
from bot.formatting import format_size, join_alternatives, single_line, truncate
from bot.language import _, retranslate
from bot.limits import FILE_BYTES, FILENAME_BYTES, RUN_INPUT_BYTES
from bot.media.images import OPENED, BadImage, convert_image, make_thumbnail, probe_image
from bot.media.metadata import strip_metadata
from bot.media.types import (
    AVIF,
    GIF,
    HEAD_BYTES,
    HEIC,
    ICO,
    JPEG,
    PNG,
    SVG,
    TIFF,
    WEBP,
    InputFile,
    Media,
    MediaKind,
    MediaType,
    SpooledFile,
    sniff,
)  # fmt: skip

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
_TYPE_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "image/*": frozenset({
        "image", "images", "img", "photo", "photos", "photograph", "picture", "pictures", "portrait", "selfie", "mask",
        "sketch", "drawing",
    }),
    "audio/*": frozenset({
        "audio", "speech", "song", "music", "voice", "vocals", "recording", "sound", "speaker", "melody",
    }),
    "video/*": frozenset({"video", "videos", "clip", "movie", "footage", "gif"}),
}  # fmt: skip
_WORD: Final = re.compile(r"[a-z]+")
_DOTTED_ENDING: Final = re.compile(r"(?<![\w./])\.([a-z0-9]{2,11})\b")
_BARE_ENDING: Final = re.compile(r"(?<![\w./])[a-z0-9]{2,11}\b")
_BARE_ENDINGS: Final = frozenset({*_TYPE_OF_ENDING, *_OTHER_ENDINGS} - {"obj"})
_MIME_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+*-]+")
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "image/*": _("an image"),
    "audio/*": _("an audio file"),
    "video/*": _("a video"),
    "text/*": _("a text file"),
}

# What every model that reads pictures reads. Others are converted to the first of these that the input accepts.
_SURELY_READ: Final = (JPEG, PNG, WEBP)
_ICONS_AND_DRAWINGS: Final = (SVG, ICO)
_KIND_NAMES: Final[Mapping[MediaKind, str]] = {
    MediaKind.IMAGE: _("an image"),
    MediaKind.VIDEO: _("a video"),
    MediaKind.AUDIO: _("an audio file"),
    MediaKind.TEXT: _("text"),
}
_FORMAT_NAMES: Final = {JPEG: "JPEG", PNG: "PNG", WEBP: "WebP"}
_OTHER_SUFFIXES: Final = {JPEG: (".jpeg",), TIFF: (".tif",), HEIC: (".heif", ".hif")}
_FILENAME_CHARS: Final = 60  # of a file name in a message
_ROTATED: Final = _("Your photo was turned upright.")
_FIRST_FRAME: Final = _("Only the first frame of your animation is used.")
_FIRST_PAGE: Final = _("Only the first page of your file is used.")


class BadFile(BadOption):
    """A file that was given to an option cannot be used; ``source`` is that file, as it was given."""

    def __init__(self, option: str, sentence: str, source: object = None) -> None:
        super().__init__(option, sentence)
        self.source = source


@runtime_checkable
class RemoteFile(Protocol):
    """A file that Discord holds: an attachment, or an image of a message. ``size`` is in bytes, 0 if unknown.

    ``url`` is Discord's own copy, and expires.
    """

    @property
    def filename(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def url(self) -> str: ...


@runtime_checkable
class LocatedFile(RemoteFile, Protocol):
    """A file that Discord holds, whose ``url`` may not be known until it is read."""

    async def find_url(self) -> str:
        """Return an address that works now; raise Refused if the file is gone or out of reach."""
        ...


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file at a web address that somebody entered, for a model that must not be sent to addresses itself."""

    url: str
    size: int = 0

    @property
    def filename(self) -> str:
        """The last part of the address."""
        return unquote(PurePath(urlsplit(self.url).path).name) or "file"


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that is not downloaded yet, the option it was given to, and the types that its input accepts."""

    option: str
    source: RemoteFile
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that can be sent to the model.

    ``notes`` are sentences that say what was changed. ``thumbnail`` is small, for images only.
    """

    media: InputFile
    notes: tuple[str, ...] = ()
    thumbnail: Media | None = None


def read_accepted_types(schema: Mapping[str, Any], name: str, description: str) -> tuple[str, ...]:
    """Return patterns such as ``image/*``, ``application/zip`` or ``.npz``; none means that any file is accepted."""
    declared = _parse_accept(schema.get("x-cog-accept"))
    if declared is not None:
        return declared
    text = description.lower()
    endings = {*_DOTTED_ENDING.findall(text), *_BARE_ENDINGS.intersection(_BARE_ENDING.findall(text))}
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
    if not patterns:
        return _("a file")
    return join_alternatives([_describe_pattern(pattern) for pattern in patterns])


def accepts_images(patterns: tuple[str, ...]) -> bool:
    return not patterns or any(pattern.startswith("image/") or pattern == "*/*" for pattern in patterns)


def is_image_usable(patterns: tuple[str, ...], mime: str) -> bool:
    """Return whether an input takes an image of this type, or what it can be converted to."""
    image = next((known for known in OPENED if known.mime == mime), None)
    if image is None:
        return False
    return is_accepted(patterns, image, f"image{image.suffix}") or bool(_convertible_to(patterns))


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
    found = frozenset(_WORD.findall(text))
    return {mime for mime, words in _TYPE_WORDS.items() if not found.isdisjoint(words)}


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
    if pattern in _DESCRIPTIONS:
        return retranslate(_DESCRIPTIONS[pattern])
    if pattern[0] in "aeiou":
        # Translators: {type} is the name of a file type that begins with a vowel, such as "image/png".
        return _("an {type} file").format(type=pattern)
    # Translators: {type} is the name of a file type, such as ".npz".
    return _("a {type} file").format(type=pattern)


def read_attachment(option: str, filename: str, path: Path, accepts: tuple[str, ...] = ()) -> UploadedFile:
    """Return the downloaded file at ``path`` as the model gets it; raise BadOption naming ``option``.

    Decodes images: call it in ``bot.worker_pool``. The bytes stay as they are where every model reads them; otherwise
    the file is replaced: photos are turned upright, images in formats that few models read are converted, and of an
    animation the first frame is used where only still images are accepted.
    """
    name = _clean_filename(filename)
    data = path.read_bytes()
    if not data:
        raise BadOption(
            option, _("`{option}`: “{file}” is empty.").format(option=option, file=truncate(name, _FILENAME_CHARS))
        )
    check_file_size(option, filename, len(data))
    media_type = sniff(data[:HEAD_BYTES])
    _check_type(option, name, media_type, accepts)
    if media_type not in OPENED:
        return UploadedFile(SpooledFile(name, media_type, len(data), path))
    try:
        image, notes = _prepare_image(Media(_correct_suffix(name, media_type), media_type, data), accepts)
        thumbnail = make_thumbnail(image)
    except BadImage as error:
        raise BadOption(
            option,
            _("`{option}`: “{file}” can't be used. {reason}").format(
                option=option, file=truncate(name, _FILENAME_CHARS), reason=error.sentence
            ),
        ) from error
    if image.data is not data:
        check_file_size(option, filename, image.size)
        path.write_bytes(image.data)
    return UploadedFile(SpooledFile(image.name, image.type, image.size, path), notes, thumbnail)


def _check_type(option: str, name: str, media_type: MediaType, accepts: tuple[str, ...]) -> None:
    """Raise BadOption if the input accepts neither the type nor what it can be converted to."""
    short_name = truncate(name, _FILENAME_CHARS)
    if not is_accepted(accepts, media_type, name) and not (media_type in OPENED and _convertible_to(accepts)):
        raise BadOption(
            option,
            _("`{option}` must be {types} (“{file}” is {type}).").format(
                option=option, types=describe_types(accepts), file=short_name, type=_describe_type(media_type)
            ),
        )
    if media_type in _ICONS_AND_DRAWINGS and accepts and not _is_named(accepts, media_type):
        kind = media_type.suffix[1:].upper()
        raise BadOption(
            # Translators: {type} is SVG or ICO.
            option,
            _("`{option}`: “{file}” is an {type} file, which models can't read. Send it as PNG or JPEG.").format(
                option=option, file=short_name, type=kind
            ),
        )


def _prepare_image(image: Media, accepts: tuple[str, ...]) -> tuple[Media, tuple[str, ...]]:
    """Return the image as it is surely read, and notes about what was changed. Raise BadImage."""
    wants_still = _wants_still(accepts, image.type)
    info = probe_image(image.data, frames=not wants_still)
    if info.animated and not wants_still:
        return image, ()
    target = _target_type(accepts, image.type, alpha=info.alpha, animated=info.animated)
    if target != image.type or info.animated:
        converted = Media(_correct_suffix(image.name, target), target, convert_image(image.data, target))
        page_or_frame = _FIRST_PAGE if image.type == TIFF else _FIRST_FRAME
        first = (page_or_frame,) if info.animated else ()
        changed = (_describe_conversion(image.type, target),) if target != image.type and not first else ()
        return converted, (*first, *changed)
    if info.rotated:
        return Media(image.name, target, convert_image(image.data, target)), (_ROTATED,)
    if not info.readable:
        return Media(image.name, image.type, strip_metadata(image.data, image.type)), ()
    return image, ()


def _wants_still(accepts: tuple[str, ...], media_type: MediaType) -> bool:
    """Return whether an animation of this type would be read as a still image, or not at all."""
    return (
        accepts_images(accepts)
        and bool(accepts)
        and not (any(pattern.startswith("video/") for pattern in accepts) or _is_named(accepts, media_type))
    )


def _target_type(accepts: tuple[str, ...], media_type: MediaType, *, alpha: bool, animated: bool) -> MediaType:
    """Return the type to send an image as: its own where the input names it or nothing is known about the input."""
    possible = _convertible_to(accepts)
    if not possible or _is_named(accepts, media_type) or (media_type in possible and not animated):
        return media_type
    if media_type == GIF and not _wants_still(accepts, media_type):
        return media_type  # an input for videos reads it
    lossy = media_type in (HEIC, AVIF, JPEG) and not alpha
    preferred = (JPEG, PNG, WEBP) if lossy else (PNG, WEBP, JPEG)
    return next(target for target in preferred if target in possible)


def _convertible_to(accepts: tuple[str, ...]) -> tuple[MediaType, ...]:
    """Return the types of images that an input surely reads; none if it takes any file, or no images."""
    return tuple(target for target in _SURELY_READ if accepts and is_accepted(accepts, target, ""))


def _is_named(accepts: tuple[str, ...], media_type: MediaType) -> bool:
    """Return whether an input accepts just this type, as opposed to any image."""
    return media_type.mime in accepts or media_type.suffix in accepts


def _describe_conversion(source: MediaType, target: MediaType) -> str:
    # Translators: names of image formats, such as HEIC and JPEG.
    return _("Your {format} image was converted to {other}.").format(
        format=source.suffix[1:].upper(), other=_FORMAT_NAMES[target]
    )


def check_file_size(option: str, filename: str, size: int) -> None:
    """Raise BadOption for a file larger than any model may be given; to be called before the file is downloaded."""
    if size > FILE_BYTES:
        name = truncate(_clean_filename(filename), _FILENAME_CHARS)
        sentence = _("`{option}`: “{file}” is {size}, but files may have up to {limit}.")
        raise BadOption(
            option,
            sentence.format(option=option, file=name, size=format_size(size), limit=format_size(FILE_BYTES)),
        )


def check_total_size(files: Iterable[AttachedFile | InputFile]) -> None:
    """Raise UserError if the files of one run are too large together; to be called before any is downloaded."""
    total = sum(file.source.size if isinstance(file, AttachedFile) else file.size for file in files)
    if total > RUN_INPUT_BYTES:
        raise UserError(
            _("Your files are {size} together, but one run can have up to {limit}. Use fewer or smaller ones.").format(
                size=format_size(total), limit=format_size(RUN_INPUT_BYTES)
            )
        )


def _clean_filename(filename: str) -> str:
    """Return the name without folders and invisible characters, in at most 255 bytes."""
    name = single_line(filename.replace("\\", "/").rsplit("/", 1)[-1]) or "file"
    path = PurePath(name)
    while len(name.encode("utf-8", "replace")) > FILENAME_BYTES:
        path = path.with_stem(path.stem[:-1]) if len(path.stem) > 1 else PurePath("file")
        name = path.name
    return name


def _correct_suffix(name: str, media_type: MediaType) -> str:
    """Return an image's name with the suffix of its type; other files keep theirs."""
    suffix = PurePath(name).suffix.lower()
    if media_type not in OPENED or suffix in (media_type.suffix, *_OTHER_SUFFIXES.get(media_type, ())):
        return name
    return f"{PurePath(name).stem}{media_type.suffix}"


def _describe_type(media_type: MediaType) -> str:
    if media_type.kind in _KIND_NAMES:
        return retranslate(_KIND_NAMES[media_type.kind])
    return _("a file of an unknown type") if media_type.suffix == ".bin" else _describe_pattern(media_type.suffix)
