"""Check and read an attached file before anything is paid."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from bot.errors import BadOption
from bot.formatting import format_size, single_line, truncate
from bot.limits import FILE_BYTES, FILENAME_BYTES
from bot.media.images import BadImage, apply_orientation, probe_image
from bot.media.sniff import AVIF, BMP, GIF, HEAD_BYTES, ICO, JPEG, PNG, TIFF, WEBP, sniff
from bot.media.types import Media, MediaKind, MediaType
from bot.options.file_types import describe_types, is_accepted

# Image types that the bot opens; the others (HEIC, SVG) are sent to the model as they are.
_OPENED: Final = frozenset({PNG, JPEG, WEBP, GIF, AVIF, BMP, TIFF, ICO})
_KIND_NAMES: Final = {
    MediaKind.IMAGE: "an image",
    MediaKind.VIDEO: "a video",
    MediaKind.AUDIO: "an audio file",
    MediaKind.TEXT: "text",
}
_OTHER_SUFFIXES: Final = {JPEG: (".jpeg",), TIFF: (".tif",)}
_FILENAME_CHARS: Final = 60  # of a file name in a message
_ROTATED: Final = "Your photo was turned upright."


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that can be sent to the model. ``notes`` are sentences that say what was changed."""

    media: Media
    notes: tuple[str, ...] = ()


def read_attachment(option: str, filename: str, data: bytes, accepts: tuple[str, ...] = ()) -> UploadedFile:
    """Return the file with the type its bytes show; raise BadOption naming ``option``.

    Decodes images: call it in a thread. The bytes are unchanged, except that a sideways photo is turned upright.
    """
    name = _clean_filename(filename)
    short_name = truncate(name, _FILENAME_CHARS)
    if not data:
        raise BadOption(option, f"`{option}`: “{short_name}” is empty.")
    check_file_size(option, filename, len(data))
    media_type = sniff(data[:HEAD_BYTES])
    if not is_accepted(accepts, media_type, name):
        raise BadOption(
            option, f"`{option}` must be {describe_types(accepts)} (“{short_name}” is {_describe_type(media_type)})."
        )
    media = Media(name=_correct_suffix(name, media_type), type=media_type, data=data)
    return _check_image(option, media, short_name) if media_type in _OPENED else UploadedFile(media)


def check_file_size(option: str, filename: str, size: int) -> None:
    """Raise BadOption for a file larger than Replicate accepts; to be called before the file is downloaded."""
    if size > FILE_BYTES:
        name = truncate(_clean_filename(filename), _FILENAME_CHARS)
        sizes = f"“{name}” is {format_size(size)}, but Replicate accepts files of up to {format_size(FILE_BYTES)}."
        raise BadOption(option, f"`{option}`: {sizes}")


def _check_image(option: str, media: Media, short_name: str) -> UploadedFile:
    try:
        if not probe_image(media.data).rotated:
            return UploadedFile(media)
        upright = apply_orientation(media)
    except BadImage as error:
        raise BadOption(option, f"`{option}`: “{short_name}” can't be used. {error.sentence}") from error
    return UploadedFile(media) if upright is media else UploadedFile(upright, (_ROTATED,))


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
    if media_type not in _OPENED or suffix in (media_type.suffix, *_OTHER_SUFFIXES.get(media_type, ())):
        return name
    return f"{PurePath(name).stem}{media_type.suffix}"


def _describe_type(media_type: MediaType) -> str:
    if media_type.kind in _KIND_NAMES:
        return _KIND_NAMES[media_type.kind]
    return "a file of an unknown type" if media_type.suffix == ".bin" else f"a {media_type.suffix} file"
