"""Components inside a message: iterating and searching them."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any

Json = dict[str, Any]


class ComponentType(IntEnum):
    """Every component type (components/reference)."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18
    FILE_UPLOAD = 19
    RADIO_GROUP = 21
    CHECKBOX_GROUP = 22
    CHECKBOX = 23


SELECTS = frozenset(
    {
        ComponentType.STRING_SELECT,
        ComponentType.USER_SELECT,
        ComponentType.ROLE_SELECT,
        ComponentType.MENTIONABLE_SELECT,
        ComponentType.CHANNEL_SELECT,
    }
)


def iter_children(component: Json) -> Iterator[Json]:
    """Yield the direct children of ``component``, in reading order."""
    yield from component.get("components") or ()
    for key in ("accessory", "component"):
        if isinstance(component.get(key), dict):
            yield component[key]


def iter_components(components: Iterable[Json]) -> Iterator[Json]:
    """Yield every component at every depth, parents before children."""
    for component in components:
        yield component
        yield from iter_components(iter_children(component))


def iter_texts(components: Iterable[Json]) -> Iterator[str]:
    """Yield the text of every text display."""
    return (item["content"] for item in iter_components(components) if item.get("type") == ComponentType.TEXT_DISPLAY)


def iter_words(components: Iterable[Json]) -> Iterator[str]:
    """Yield everything that people may read: texts, alt texts, and the labels of buttons, selects and their options."""
    for item in iter_components(components):
        for part in (item, *(item.get("items") or ()), *(item.get("options") or ())):
            yield from (part[key] for key in ("content", "description", "label", "placeholder") if part.get(key))


def iter_media(components: Iterable[Json]) -> Iterator[Json]:
    """Yield every media item (an object with ``url``) that the components show."""
    for item in iter_components(components):
        if item.get("type") == ComponentType.MEDIA_GALLERY:
            yield from (entry["media"] for entry in item["items"])
        elif item.get("type") == ComponentType.THUMBNAIL:
            yield item["media"]
        elif item.get("type") == ComponentType.FILE:
            yield item["file"]


def find_control(components: Iterable[Json], wanted: str) -> Json | None:
    """Return the interactive component whose custom id, or else label or placeholder, is ``wanted``."""
    controls = [item for item in iter_components(components) if "custom_id" in item]
    for key in ("custom_id", "label", "placeholder"):
        for control in controls:
            if control.get(key) == wanted:
                return control
    return None
