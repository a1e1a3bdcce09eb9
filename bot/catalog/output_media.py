"""What kind of file a model makes. Pure.

The schemas of models say that an output is a file, and no more; its kind follows from what the command is for and from
the inputs. It is noted in the output schema with JSON Schema's own keyword, so that every run has it on its row.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bot.media.types import MediaKind
from bot.options.fields import Field
from bot.outputs.output_schema import MEDIA_TYPE, lists_files, output_type
from bot.settings.commands import CommandRole

_KINDS: Final[Mapping[CommandRole, MediaKind]] = {
    CommandRole.UPSCALE: MediaKind.IMAGE,
    CommandRole.EDIT: MediaKind.IMAGE,
    CommandRole.REMOVE_BACKGROUND: MediaKind.IMAGE,
    CommandRole.ANIMATE: MediaKind.VIDEO,
}
_FORMATS: Final[Mapping[MediaKind, frozenset[str]]] = {
    MediaKind.IMAGE: frozenset({"webp", "png", "jpg", "jpeg", "avif"}),
    MediaKind.VIDEO: frozenset({"mp4", "webm", "mov", "mkv"}),
    MediaKind.AUDIO: frozenset({"mp3", "wav", "flac", "ogg", "opus", "m4a", "aac"}),
}
_FORMAT_INPUTS: Final = frozenset({"output_format", "format", "image_format", "file_format"})
_TIME_INPUTS: Final = frozenset({
    "duration", "fps", "frames_per_second", "num_frames", "frames", "video_length", "frame_rate", "seconds",
})  # fmt: skip
_SHAPE_INPUTS: Final = frozenset({"aspect_ratio", "width"})


def note_media(schema: Mapping[str, Any], fields: Sequence[Field], role: CommandRole | None) -> Mapping[str, Any]:
    """Return a model's output schema with the kind of its files, where it is known and not said already."""
    if MEDIA_TYPE in schema or not (lists_files(schema) or output_type(schema).is_file):
        return schema
    kind = _KINDS.get(role) if role is not None else _find_kind(fields)
    return schema if kind is None else {**schema, MEDIA_TYPE: f"{kind.value}/*"}


def _find_kind(fields: Sequence[Field]) -> MediaKind | None:
    """Return what the inputs tell: the formats that can be chosen, or a shape with or without a length in time."""
    formats = {str(value).lower() for field in fields if field.name in _FORMAT_INPUTS for value in _values(field)}
    for kind, known in _FORMATS.items():
        if formats and formats <= known:
            return kind
    names = {field.name for field in fields}
    if formats or not names & _SHAPE_INPUTS:
        return None
    return MediaKind.VIDEO if names & _TIME_INPUTS else MediaKind.IMAGE


def _values(field: Field) -> Iterable[Any]:
    return field.choices or ([] if field.default is None else [field.default])
