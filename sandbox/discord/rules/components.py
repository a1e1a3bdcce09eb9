"""The components of a message, with and without the components-V2 flag (components/reference)."""

from collections.abc import Collection
from typing import Any

from bot.limits import COMPONENTS_PER_MESSAGE, GALLERY_DESCRIPTION_CHARS, GALLERY_ITEMS, TEXT_CHARS
from sandbox.discord.rules.controls import Controls, check_address
from sandbox.discord.rules.problems import Problems, Step
from sandbox.discord.world.components import SELECTS, ComponentType, walk, words

Json = dict[str, Any]
Path = tuple[Step, ...]
T = ComponentType

IN_CONTAINER = frozenset({T.ACTION_ROW, T.SECTION, T.TEXT_DISPLAY, T.MEDIA_GALLERY, T.FILE, T.SEPARATOR})
AT_TOP = IN_CONTAINER | {T.CONTAINER}
LEGACY_ROWS = 5


def check_components(components: Any, problems: Problems, *, v2: bool, names: Collection[str]) -> tuple[Json, ...]:
    """Return the components with ids and defaults filled in, noting what is wrong with them.

    ``names`` are the files of the message, which ``attachment://name`` may show.
    """
    high = COMPONENTS_PER_MESSAGE if v2 else LEGACY_ROWS
    found = problems.items(components, 0, high, "components")
    check = _Check(problems, v2=v2, names=names)
    for number, item in enumerate(found):
        check.one(item, ("components", number), AT_TOP if v2 else {T.ACTION_ROW})
    if problems:
        return ()
    total = sum(1 for _ in walk(found))
    if total > COMPONENTS_PER_MESSAGE:
        text = f"Must have {COMPONENTS_PER_MESSAGE} or fewer components in total (got {total})"
        problems.add("COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", text, "components")
    if sum(len(text) for text in words(found)) > TEXT_CHARS:
        text = f"Displayable text size exceeds maximum size of {TEXT_CHARS}"
        problems.add("COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", text, "components")
    return tuple(number_components(found))


def number_components(components: list[Json]) -> list[Json]:
    """Return a copy in which every component has an id of its own and the defaults that Discord fills in."""
    taken = {item["id"] for item in walk(components) if item.get("id")}
    free = (number for number in range(1, 10_000) if number not in taken)
    defaults: dict[int, Json] = {
        T.CONTAINER: {"accent_color": None, "spoiler": False},
        T.THUMBNAIL: {"description": None, "spoiler": False},
        T.FILE: {"spoiler": False},
        T.SEPARATOR: {"divider": True, "spacing": 1},
    }

    def finish(item: Json) -> Json:
        done = {**defaults.get(item["type"], {}), **item}
        done["id"] = item.get("id") or next(free)
        if item["type"] in SELECTS:
            done = {"min_values": 1, "max_values": 1, "disabled": False, **done}
        if "items" in done:
            done["items"] = [{"description": None, "spoiler": False, **entry} for entry in done["items"]]
        if "components" in done:
            done["components"] = [finish(child) for child in done["components"]]
        for key in ("accessory", "component"):
            if key in done:
                done[key] = finish(done[key])
        return done

    return [finish(item) for item in components]


class _Check:
    """Walks down one message's components."""

    def __init__(self, problems: Problems, *, v2: bool, names: Collection[str]) -> None:
        self.problems = problems
        self.controls = Controls(problems)
        self.v2 = v2
        self.names = names
        self._ids: set[int] = set()
        self._by_type = {
            T.ACTION_ROW: self._row,
            T.BUTTON: self.controls.button,
            T.SECTION: self._section,
            T.TEXT_DISPLAY: self._text,
            T.THUMBNAIL: self._thumbnail,
            T.MEDIA_GALLERY: self._gallery,
            T.FILE: self._file,
            T.SEPARATOR: self._separator,
            T.CONTAINER: self._container,
            **dict.fromkeys(SELECTS, self.controls.select),
        }

    def one(self, item: Any, path: Path, allowed: Collection[int]) -> None:
        """Note what is wrong with one component and everything in it."""
        if not isinstance(item, dict):
            self.problems.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
            return
        if not self.problems.one_of(item.get("type"), [int(kind) for kind in allowed], *path, "type"):
            return
        number = item.get("id") or 0
        if self.problems.whole(number, 0, (1 << 31) - 1, *path, "id") and number:
            if number in self._ids:
                self.problems.add("COMPONENT_ID_DUPLICATED", "Component id cannot be duplicated", *path, "id")
            self._ids.add(number)
        self._by_type[T(item["type"])](item, path)

    def _row(self, item: Json, path: Path) -> None:
        inside = self.problems.items(item.get("components"), 1, 5, *path, "components")
        for number, child in enumerate(inside):
            self.one(child, (*path, "components", number), {T.BUTTON, *SELECTS})
        if len(inside) > 1 and any(isinstance(child, dict) and child.get("type") in SELECTS for child in inside):
            text = "The specified component exceeds the maximum width"
            self.problems.add("COMPONENT_LAYOUT_WIDTH_EXCEEDED", text, *path, "components")

    def _container(self, item: Json, path: Path) -> None:
        accent = item.get("accent_color")
        if accent is not None:
            self.problems.whole(accent, 0, 0xFFFFFF, *path, "accent_color")
        inside = self.problems.items(item.get("components"), 1, COMPONENTS_PER_MESSAGE, *path, "components")
        for number, child in enumerate(inside):
            self.one(child, (*path, "components", number), IN_CONTAINER)

    def _section(self, item: Json, path: Path) -> None:
        inside = self.problems.items(item.get("components"), 1, 3, *path, "components")
        for number, child in enumerate(inside):
            self.one(child, (*path, "components", number), {T.TEXT_DISPLAY})
        if item.get("accessory") is None:
            self.problems.add("BASE_TYPE_REQUIRED", "This field is required", *path, "accessory")
        else:
            self.one(item["accessory"], (*path, "accessory"), {T.BUTTON, T.THUMBNAIL})

    def _text(self, item: Json, path: Path) -> None:
        self.problems.text(item.get("content"), 1, TEXT_CHARS, *path, "content")

    def _thumbnail(self, item: Json, path: Path) -> None:
        self.problems.text(item.get("description"), 0, GALLERY_DESCRIPTION_CHARS, *path, "description")
        self._media(item.get("media"), (*path, "media"))

    def _gallery(self, item: Json, path: Path) -> None:
        for number, entry in enumerate(self.problems.objects(item.get("items"), 1, GALLERY_ITEMS, *path, "items")):
            below = (*path, "items", number)
            self.problems.text(entry.get("description"), 0, GALLERY_DESCRIPTION_CHARS, *below, "description")
            self._media(entry.get("media"), (*below, "media"))

    def _file(self, item: Json, path: Path) -> None:
        self._media(item.get("file"), (*path, "file"), uploaded_only=True)

    def _separator(self, item: Json, path: Path) -> None:
        self.problems.one_of(item.get("spacing", 1), (1, 2), *path, "spacing")

    def _media(self, item: Any, path: Path, *, uploaded_only: bool = False) -> None:
        url = item.get("url") if isinstance(item, dict) else None
        if not self.problems.text(url, 1, 2048, *path, "url"):
            return
        if str(url).startswith("attachment://"):
            if str(url).removeprefix("attachment://") not in self.names:
                text = f"The referenced attachment “{url}” was not found"
                self.problems.add("UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", text, *path, "url")
        elif uploaded_only:
            check_address(str(url), self.problems, *path, "url", schemes=("attachment",))
        else:
            check_address(str(url), self.problems, *path, "url")
