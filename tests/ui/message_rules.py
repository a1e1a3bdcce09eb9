"""Discord's rules for a message of components V2, checked on its payload."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

CONTAINER, ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR = 17, 1, 2, 9, 10, 11, 12, 13, 14
_IN_CONTAINER = {ROW, TEXT, SECTION, GALLERY, SEPARATOR, FILE}


def iter_components(components: list[Json]) -> Iterator[Json]:
    """Yield every component, nested ones too."""
    for component in components:
        yield component
        yield from iter_components(component.get("components", []))
        if "accessory" in component:
            yield component["accessory"]


def text_contents(components: list[Json]) -> list[str]:
    """Return the contents of all text displays, in reading order."""
    return [component["content"] for component in iter_components(components) if component["type"] == TEXT]


def media_urls(components: list[Json]) -> list[str]:
    """Return the URLs of every image, video and file."""
    found: list[str] = []
    for component in iter_components(components):
        found += [item["media"]["url"] for item in component.get("items", [])]
        found += [component[key]["url"] for key in ("media", "file") if key in component]
    return found


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, the larger of the two ways to count."""
    return len(text.encode("utf-16-le")) // 2


def check_message(components: list[Json]) -> None:
    """Assert that Discord accepts these components as one message."""
    all_components = list(iter_components(components))
    assert 1 <= len(all_components) <= 40
    assert sum(utf16_length(text) for text in text_contents(components)) <= 4000
    for component in all_components:
        _check_component(component)
    custom_ids = [component["custom_id"] for component in all_components if "custom_id" in component]
    assert len(custom_ids) == len(set(custom_ids))
    files = [url for url in media_urls(components) if url.startswith("attachment://")]
    assert len(files) == len(set(files)) <= 10


def _check_component(component: Json) -> None:
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
            assert all(1 <= len(item.get("description", "-")) <= 1024 for item in component["items"])
        case 13:
            assert component["file"]["url"].startswith("attachment://")
        case 1:
            assert 1 <= len(children) <= 5
        case 3:
            options = component["options"]
            assert 1 <= len(options) <= 25
            assert len({option["value"] for option in options}) == len(options)
            assert all(1 <= len(option[key]) <= 100 for option in options for key in ("label", "value"))
            assert 1 <= len(component["custom_id"]) <= 100
        case 2:
            assert ("url" in component) != ("custom_id" in component)
            assert 1 <= len(component.get("custom_id", "-")) <= 100
            assert 1 <= len(component["label"]) <= 80
