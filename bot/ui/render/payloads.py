"""Components V2 as the payloads that Discord receives.

A card is rendered a thousand times a second; building it from ``discord.ui`` objects costs five times as much, most of
it for reference cycles. The numbers of the types are from Discord's component reference.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bot.language import retranslate

Component = dict[str, Any]

_ROW: Final = 1
_SECTION: Final = 9
_TEXT: Final = 10
_THUMBNAIL: Final = 11
_GALLERY: Final = 12
_FILE: Final = 13
_SEPARATOR: Final = 14
_CONTAINER: Final = 17


def text(content: str, *, id_: int | None = None) -> Component:
    """Return a text display; ``content`` needs at least one visible character.

    By ``id_``, which is unique within a message, it can be found again in the message as Discord has it.
    """
    shown: Component = {"type": _TEXT, "content": retranslate(content)}
    return shown if id_ is None else {**shown, "id": id_}


def join_texts(components: Iterable[Component]) -> str:
    """Return the contents of the text displays among components, one below the other."""
    return "\n".join(component["content"] for component in components if component["type"] == _TEXT)


def section(texts: Iterable[Component], accessory: Component) -> Component:
    """Return one to three texts with a thumbnail or button beside them."""
    return {"type": _SECTION, "components": list(texts), "accessory": accessory}


def thumbnail(url: str, alt_text: str | None, *, spoiler: bool = False) -> Component:
    """Return a small image for a section."""
    return {"type": _THUMBNAIL, **_media(url, alt_text, spoiler=spoiler)}


def gallery(media: Sequence[tuple[str, str | None]], *, spoiler: bool = False) -> Component:
    """Return one to ten images and videos, each as its URL and alt text, behind a spoiler if asked for."""
    return {"type": _GALLERY, "items": [_media(url, alt_text, spoiler=spoiler) for url, alt_text in media]}


def file(url: str, *, spoiler: bool = False) -> Component:
    """Return an attached file to download."""
    shown: Component = {"type": _FILE, "file": {"url": url}}
    return {**shown, "spoiler": True} if spoiler else shown


def separator() -> Component:
    """Return a thin line."""
    return {"type": _SEPARATOR}


def row(buttons: list[Component]) -> Component:
    """Return one to five buttons side by side."""
    return {"type": _ROW, "components": buttons}


def container(components: Iterable[Component], accent: int) -> Component:
    """Return a frame with a coloured edge."""
    return {"type": _CONTAINER, "accent_color": accent, "components": list(components)}


def _media(url: str, alt_text: str | None, *, spoiler: bool) -> Component:
    media: Component = {"media": {"url": url}}
    if alt_text is not None:
        media["description"] = alt_text
    if spoiler:
        media["spoiler"] = True
    return media
