"""Render a run's output as components: texts, galleries of images and videos, files, links. Pure."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Final

from bot.formatting import replace_surrogates
from bot.limits import GALLERY_ITEMS, GALLERY_MIME_TYPES
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.ui.render import payloads, strings
from bot.ui.render.formatting import format_code_block
from bot.ui.render.payloads import Component

# The input image beside the prompt; no output file may have its name.
THUMBNAIL_NAME: Final = "input.webp"

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_REPLACED: Final = re.compile(r"[^A-Za-z0-9._-]+")  # Discord replaces these in file names
_SPOILER_PREFIX: Final = "SPOILER_"  # Discord hides files whose names start with it
_NAME_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class RenderedOutput:
    """The components that show one message's items, and the files among them."""

    components: tuple[Component, ...]
    files: tuple[FileItem, ...]


def render_output(
    items: Sequence[OutputItem],
    alt_texts: Mapping[str, str],
    *,
    pending: Collection[str] = (),
    withheld: Mapping[str, str] = _NONE,
) -> RenderedOutput:
    """Return the components that show ``items`` in their order.

    ``alt_texts`` go by file name. Files named in ``pending`` are left out for now; those in ``withheld`` are replaced
    by the reason.
    """
    shown = [
        item
        for item in items
        if not isinstance(item, FileItem) or (item.name not in pending and item.name not in withheld)
    ]
    files = tuple(item for item in shown if isinstance(item, FileItem))
    components: list[Component] = []
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                components += _galleries([item for item in group if isinstance(item, FileItem)], alt_texts)
            case "file":
                components += [payloads.file(attachment_url(item)) for item in group if isinstance(item, FileItem)]
            case _:
                components += _texts(group)
    missing = [item.name for item in items if isinstance(item, FileItem) and item.name in withheld]
    lines = (strings.format_withheld({name: withheld[name] for name in missing}), strings.format_file_notes(files))
    if any(lines):
        components.append(payloads.text("\n".join(line for line in lines if line)))
    return RenderedOutput(tuple(components), files)


def attachment_url(file: FileItem) -> str:
    """Return the URL by which a message shows its own attachment."""
    return f"attachment://{upload_name(file.name)}"


def upload_name(name: str) -> str:
    """Return the name under which a file is uploaded, which Discord keeps as it is.

    The same name always gives the same result, and different names different ones.
    """
    safe = _REPLACED.sub("_", name).lstrip("._-")
    unchanged = safe == name and len(safe) <= _NAME_CHARS and safe != THUMBNAIL_NAME
    if unchanged and not safe.startswith(_SPOILER_PREFIX):
        return safe
    stem, dot, suffix = safe.rpartition(".")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    stem = (stem if dot else safe).removeprefix(_SPOILER_PREFIX)[:40] or "file"
    return f"{stem}-{digest}.{suffix[:16]}" if dot and suffix else f"{stem}-{digest}"


def _shape(item: OutputItem) -> str:
    if isinstance(item, FileItem):
        return "gallery" if item.type.mime in GALLERY_MIME_TYPES else "file"
    return "text"


def _texts(items: Iterable[OutputItem]) -> Iterator[Component]:
    lines = [_text(item) for item in items]
    text = "\n".join(line for line in lines if line.strip())
    if text:
        yield payloads.text(replace_surrogates(text))


def _text(item: OutputItem) -> str:
    match item:
        case LinkItem():
            return strings.format_link_item(item)
        case TextItem(text, language):
            return text if language is None else format_code_block(text, language)
        case _:
            return ""


def _galleries(files: Sequence[FileItem], alt_texts: Mapping[str, str]) -> Iterator[Component]:
    for start in range(0, len(files), GALLERY_ITEMS):
        shown = files[start : start + GALLERY_ITEMS]
        yield payloads.gallery([(attachment_url(file), alt_texts.get(file.name)) for file in shown])
