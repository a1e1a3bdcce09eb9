"""Discord's rules for a message of components V2, checked on the payload itself."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

CONTAINER, ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR = 17, 1, 2, 9, 10, 11, 12, 13, 14
_IN_CONTAINER = {ROW, TEXT, SECTION, GALLERY, SEPARATOR, FILE}


def walk(components: list[Json]) -> Iterator[Json]:
    """Yield every component, nested ones too."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        if "accessory" in component:
            yield component["accessory"]


def texts(components: list[Json]) -> list[str]:
    """Return the contents of all text displays, in reading order."""
    return [component["content"] for component in walk(components) if component["type"] == TEXT]


def addresses(components: list[Json]) -> list[str]:
    """Return where every picture and file is shown from."""
    found = []
    for component in walk(components):
        found += [item["media"]["url"] for item in component.get("items", [])]
        found += [component[key]["url"] for key in ("media", "file") if key in component]
    return found


def units(text: str) -> int:
    """Return a text's length the larger way."""
    return len(text.encode("utf-16-le")) // 2


def check(components: list[Json]) -> None:
    """Assert that Discord takes these components as one message."""
    everything = list(walk(components))
    assert 1 <= len(everything) <= 40
    assert sum(units(text) for text in texts(components)) <= 4000
    for component in everything:
        _check_one(component)
    custom_ids = [component["custom_id"] for component in everything if "custom_id" in component]
    assert len(custom_ids) == len(set(custom_ids))
    files = [url for url in addresses(components) if url.startswith("attachment://")]
    assert len(files) == len(set(files)) <= 10


def _check_one(component: Json) -> None:
    children = component.get("components", [])
    match component["type"]:
        case 17:
            assert children
            assert {child["type"] for child in children} <= _IN_CONTAINER
            assert 0 <= component["accent_color"] <= 0xFFFFFF
        case 9:
            assert 1 <= len(children) <= 3
            assert {child["type"] for child in children} == {TEXT}
            assert component["accessory"]["type"] in (BUTTON, THUMBNAIL)
        case 10:
            assert component["content"].strip()
        case 12:
            assert 1 <= len(component["items"]) <= 10
            assert all(1 <= len(item["description"]) <= 1024 for item in component["items"])
        case 13:
            assert component["file"]["url"].startswith("attachment://")
        case 1:
            assert 1 <= len(children) <= 5
        case 2:
            assert ("url" in component) != ("custom_id" in component)
            assert 1 <= len(component.get("custom_id", "-")) <= 100
            assert 1 <= len(component["label"]) <= 80
