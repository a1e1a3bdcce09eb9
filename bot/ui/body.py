"""What a run made, as components: text, galleries of pictures and videos, files, links."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TypeGuard

from bot.limits import GALLERY_ITEMS
from bot.outputs.parts import File, Link, Part, Text
from bot.ui import layout, words
from bot.ui.layout import Component
from bot.ui.markdown import code_block, whole
from bot.ui.names import upload_name

_NONE: Mapping[str, str] = MappingProxyType({})

# What Discord draws in a gallery; every other type would be an empty tile there.
_DRAWN = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/gif",
        "image/avif",
        "video/mp4",
        "video/webm",
        "video/quicktime",
    }
)


@dataclass(frozen=True, slots=True)
class Body:
    """The components that show a sheet, and the files among them."""

    items: tuple[Component, ...]
    files: tuple[File, ...]


def body(
    parts: Sequence[Part],
    captions: Mapping[str, str],
    *,
    later: Collection[str] = (),
    withheld: Mapping[str, str] = _NONE,
) -> Body:
    """Return the components that show ``parts`` in their order.

    ``captions`` say by file name what a picture shows. The files named ``later`` are left out for now, those
    ``withheld`` are replaced by the reason.
    """
    shown = [
        part for part in parts if not isinstance(part, File) or (part.name not in later and part.name not in withheld)
    ]
    files = tuple(part for part in shown if isinstance(part, File))
    items: list[Component] = []
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                items += _galleries([part for part in group if isinstance(part, File)], captions)
            case "file":
                items += [layout.file(_address(part)) for part in group if isinstance(part, File)]
            case _:
                items += _texts(group)
    missing = words.withheld({part.name: withheld[part.name] for part in parts if _is_withheld(part, withheld)})
    remarks = "\n".join(line for line in (missing, words.file_notes(files)) if line)
    if remarks:
        items.append(layout.text(remarks))
    return Body(tuple(items), files)


def _is_withheld(part: Part, withheld: Mapping[str, str]) -> TypeGuard[File]:
    return isinstance(part, File) and part.name in withheld


def _shape(part: Part) -> str:
    if isinstance(part, File):
        return "gallery" if part.type.mime in _DRAWN else "file"
    return "text"


def _texts(parts: Iterable[Part]) -> Iterator[Component]:
    lines = [_text(part) for part in parts]
    text = "\n".join(line for line in lines if line.strip())
    if text:
        yield layout.text(whole(text))


def _text(part: Part) -> str:
    match part:
        case Link():
            return words.linked(part)
        case Text(text, language):
            return text if language is None else code_block(text, language)
        case _:
            return ""


def _galleries(pictures: Sequence[File], captions: Mapping[str, str]) -> Iterator[Component]:
    for start in range(0, len(pictures), GALLERY_ITEMS):
        shown = pictures[start : start + GALLERY_ITEMS]
        yield layout.gallery([(_address(picture), captions.get(picture.name)) for picture in shown])


def _address(file: File) -> str:
    return f"attachment://{upload_name(file.name)}"
