"""What a run made, as components: text, galleries of pictures and videos, files, links."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TypeGuard

from bot.formatting import replace_surrogates
from bot.limits import GALLERY_ITEMS, GALLERY_MIME_TYPES
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.ui.render import layout, strings
from bot.ui.render.attachment_names import upload_name
from bot.ui.render.formatting import code_block
from bot.ui.render.layout import Component

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RenderedOutput:
    """The components that show a sheet, and the files among them."""

    items: tuple[Component, ...]
    files: tuple[FileItem, ...]


def render_output(
    parts: Sequence[OutputItem],
    captions: Mapping[str, str],
    *,
    later: Collection[str] = (),
    withheld: Mapping[str, str] = _NONE,
) -> RenderedOutput:
    """Return the components that show ``parts`` in their order.

    ``captions`` say by file name what a picture shows. The files named ``later`` are left out for now, those
    ``withheld`` are replaced by the reason.
    """
    shown = [
        part
        for part in parts
        if not isinstance(part, FileItem) or (part.name not in later and part.name not in withheld)
    ]
    files = tuple(part for part in shown if isinstance(part, FileItem))
    items: list[Component] = []
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                items += _galleries([part for part in group if isinstance(part, FileItem)], captions)
            case "file":
                items += [layout.file(_address(part)) for part in group if isinstance(part, FileItem)]
            case _:
                items += _texts(group)
    missing = strings.withheld({part.name: withheld[part.name] for part in parts if _is_withheld(part, withheld)})
    remarks = "\n".join(line for line in (missing, strings.file_notes(files)) if line)
    if remarks:
        items.append(layout.text(remarks))
    return RenderedOutput(tuple(items), files)


def _is_withheld(part: OutputItem, withheld: Mapping[str, str]) -> TypeGuard[FileItem]:
    return isinstance(part, FileItem) and part.name in withheld


def _shape(part: OutputItem) -> str:
    if isinstance(part, FileItem):
        return "gallery" if part.type.mime in GALLERY_MIME_TYPES else "file"
    return "text"


def _texts(parts: Iterable[OutputItem]) -> Iterator[Component]:
    lines = [_text(part) for part in parts]
    text = "\n".join(line for line in lines if line.strip())
    if text:
        yield layout.text(replace_surrogates(text))


def _text(part: OutputItem) -> str:
    match part:
        case LinkItem():
            return strings.linked(part)
        case TextItem(text, language):
            return text if language is None else code_block(text, language)
        case _:
            return ""


def _galleries(pictures: Sequence[FileItem], captions: Mapping[str, str]) -> Iterator[Component]:
    for start in range(0, len(pictures), GALLERY_ITEMS):
        shown = pictures[start : start + GALLERY_ITEMS]
        yield layout.gallery([(_address(picture), captions.get(picture.name)) for picture in shown])


def _address(file: FileItem) -> str:
    return f"attachment://{upload_name(file.name)}"
