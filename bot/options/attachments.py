"""Attachments: a file that somebody gave, looked at before anything is paid."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from bot.errors import BadOption
from bot.formatting import format_size, truncate
from bot.limits import FILE_BYTES, FILENAME_BYTES
from bot.media.images import BadImage, apply_orientation, probe_image
from bot.media.sniff import AVIF, BMP, GIF, HEAD_BYTES, ICO, JPEG, PNG, TIFF, WEBP, sniff
from bot.media.types import Media, MediaKind, MediaType
from bot.options.file_types import describe_types, is_accepted
from bot.options.text import single_line

# Pictures that we can open; the others (HEIC, SVG) go to the model as they are.
_OPENED: Final = frozenset({PNG, JPEG, WEBP, GIF, AVIF, BMP, TIFF, ICO})
_NAMES: Final = {
    MediaKind.IMAGE: "an image",
    MediaKind.VIDEO: "a video",
    MediaKind.AUDIO: "an audio file",
    MediaKind.TEXT: "text",
}
_TURNED: Final = "Your photo was turned upright."


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that can be sent to the model. ``notes`` say what had to be changed, in sentences; mostly nothing."""

    media: Media
    notes: tuple[str, ...] = ()


def read_attachment(option: str, filename: str, data: bytes, accepts: tuple[str, ...] = ()) -> UploadedFile:
    """Return the file, its type told from its bytes; raises BadOption naming ``option``.

    Uses the CPU: call it in a thread. The bytes are those that were given, unless a photo lay on its side.
    """
    name = _plain_name(filename)
    shown = truncate(name, 60)
    if not data:
        raise BadOption(option, f"`{option}`: “{shown}” is empty.")
    check_file_size(option, filename, len(data))
    found = sniff(data[:HEAD_BYTES])
    if not is_accepted(accepts, found, name):
        raise BadOption(option, f"`{option}` needs {describe_types(accepts)}; “{shown}” is {_called(found)}.")
    media = Media(name=_right_name(name, found), type=found, data=data)
    return _picture(option, media, shown) if found in _OPENED else UploadedFile(media)


def check_file_size(option: str, filename: str, size: int) -> None:
    """Raise BadOption for a file that is larger than Replicate takes; ask before it is downloaded."""
    if size > FILE_BYTES:
        shown = truncate(_plain_name(filename), 60)
        sizes = f"“{shown}” is {format_size(size)}, but Replicate takes files of up to {format_size(FILE_BYTES)}."
        raise BadOption(option, f"`{option}`: {sizes}")


def _picture(option: str, media: Media, shown: str) -> UploadedFile:
    try:
        if not probe_image(media.data).turned:
            return UploadedFile(media)
        turned = apply_orientation(media)
    except BadImage as error:
        raise BadOption(option, f"`{option}`: “{shown}” cannot be used. {error.sentence}") from error
    return UploadedFile(media) if turned is media else UploadedFile(turned, (_TURNED,))


def _plain_name(filename: str) -> str:
    """Return the name without folders or characters that cannot be seen, in at most 255 bytes."""
    name = single_line(filename.replace("\\", "/").rsplit("/", 1)[-1]) or "file"
    path = PurePath(name)
    while len(name.encode("utf-8", "replace")) > FILENAME_BYTES:
        path = path.with_stem(path.stem[:-1]) if len(path.stem) > 1 else PurePath("file")
        name = path.name
    return name


def _right_name(name: str, found: MediaType) -> str:
    """Return the name with the ending that a picture's bytes deserve; other endings are the person's to know."""
    suffix = PurePath(name).suffix.lower()
    if found not in _OPENED or suffix == found.suffix or (suffix, found) in ((".jpeg", JPEG), (".tif", TIFF)):
        return name
    stem = PurePath(name).stem
    return f"{stem}{found.suffix}"


def _called(found: MediaType) -> str:
    """Return what the bytes are, as a person says it."""
    return _NAMES.get(found.kind) or (
        "of a kind that cannot be told" if found.suffix == ".bin" else f"a {found.suffix} file"
    )
