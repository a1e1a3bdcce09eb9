"""Validation of components in messages and in modals (components/reference)."""

from collections.abc import Collection
from typing import Any

from bot.limits import (
    BUTTON_LABEL_CHARS,
    COMPONENTS_PER_MESSAGE,
    CUSTOM_ID_CHARS,
    GALLERY_DESCRIPTION_CHARS,
    GALLERY_ITEMS,
    LABEL_CHARS,
    LABEL_DESCRIPTION_CHARS,
    MODAL_COMPONENTS,
    MODAL_FILES,
    MODAL_TITLE_CHARS,
    SELECT_OPTIONS,
    TEXT_CHARS,
    TEXT_INPUT_CHARS,
)
from sandbox.discord.state.components import SELECTS, ComponentType, iter_components, iter_texts
from sandbox.discord.validation.form_errors import FormErrors, PathPart

Json = dict[str, Any]
LINK_STYLE, PREMIUM_STYLE = 5, 6


class ControlValidator:
    """Checks controls one by one and that no two of them share a custom id."""

    def __init__(self, problems: FormErrors) -> None:
        self.problems = problems
        self._custom_ids: set[str] = set()

    def custom_id(self, item: Json, path: tuple[PathPart, ...]) -> None:
        """Note a custom id that is absent, too long, or used twice."""
        value = item.get("custom_id")
        if not self.problems.text(value, 1, CUSTOM_ID_CHARS, *path, "custom_id"):
            return
        if value in self._custom_ids:
            self.problems.add(
                "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated", *path, "custom_id"
            )
        self._custom_ids.add(str(value))

    def button(self, item: Json, path: tuple[PathPart, ...]) -> None:
        """Note what is wrong with a button."""
        problems = self.problems
        problems.one_of(item.get("style"), range(1, 7), *path, "style")
        style = item.get("style")
        problems.text(item.get("label"), 0, BUTTON_LABEL_CHARS, *path, "label")
        if style == LINK_STYLE:
            self.link(item, path)
        elif style != PREMIUM_STYLE:
            self.custom_id(item, path)
            if item.get("url"):
                problems.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Only links have a url", *path)
        if style != PREMIUM_STYLE and not item.get("label") and not item.get("emoji"):
            problems.add("BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji", *path)

    def link(self, item: Json, path: tuple[PathPart, ...]) -> None:
        """Note what is wrong with a button that opens a page."""
        if item.get("custom_id"):
            words = "A custom id and url cannot both be specified"
            self.problems.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", words, *path)
        if self.problems.text(item.get("url"), 1, 512, *path, "url"):
            validate_url_scheme(str(item["url"]), self.problems, *path, "url", schemes=("http", "https", "discord"))

    def select(self, item: Json, path: tuple[PathPart, ...]) -> None:
        """Note what is wrong with a select of any kind."""
        problems = self.problems
        self.custom_id(item, path)
        problems.text(item.get("placeholder"), 0, 150, *path, "placeholder")
        low, high = item.get("min_values", 1), item.get("max_values", 1)
        problems.whole(low, 0, SELECT_OPTIONS, *path, "min_values")
        problems.whole(high, 1, SELECT_OPTIONS, *path, "max_values")
        if item["type"] == ComponentType.STRING_SELECT:
            options = self.choices(item, path, 1, SELECT_OPTIONS)
            if isinstance(high, int) and high > len(options):
                words = f"Must not exceed the number of options ({len(options)})"
                problems.add("BASE_TYPE_BAD_INTEGER", words, *path, "max_values")

    def choices(self, item: Json, path: tuple[PathPart, ...], low: int, high: int) -> list[Json]:
        """Return the options to choose from, noting what is wrong with them."""
        options = self.problems.objects(item.get("options"), low, high, *path, "options")
        seen: set[str] = set()
        for number, option in enumerate(options):
            for key, least in (("label", 1), ("value", 1), ("description", 0)):
                self.problems.text(option.get(key), least, 100, *path, "options", number, key)
            if str(option.get("value")) in seen:
                words = "The specified option value is already used"
                self.problems.add("SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", words, *path, "options", number, "value")
            seen.add(str(option.get("value")))
        return options


def validate_url_scheme(
    url: str, problems: FormErrors, *path: PathPart, schemes: tuple[str, ...] = ("http", "https")
) -> bool:
    """Note a URL whose scheme is not among ``schemes``."""
    if url.split(":", 1)[0] in schemes and "://" in url:
        return True
    words = f'Scheme "{url.split(":", 1)[0]}" is not supported. Scheme must be one of {schemes}.'
    problems.add("URL_TYPE_INVALID_SCHEME", words, *path)
    return False


Path = tuple[PathPart, ...]
T = ComponentType

CONTAINER_TYPES = frozenset({T.ACTION_ROW, T.SECTION, T.TEXT_DISPLAY, T.MEDIA_GALLERY, T.FILE, T.SEPARATOR})
TOP_LEVEL_TYPES = CONTAINER_TYPES | {T.CONTAINER}
MAX_LEGACY_ROWS = 5


def validate_components(components: Any, problems: FormErrors, *, v2: bool, names: Collection[str]) -> tuple[Json, ...]:
    """Return the components with ids and defaults filled in, noting what is wrong with them.

    ``names`` are the files of the message, which ``attachment://name`` may show.
    """
    high = COMPONENTS_PER_MESSAGE if v2 else MAX_LEGACY_ROWS
    found = problems.items(components, 0, high, "components")
    check = _MessageComponentValidator(problems, v2=v2, names=names)
    for number, item in enumerate(found):
        check.one(item, ("components", number), TOP_LEVEL_TYPES if v2 else {T.ACTION_ROW})
    if problems:
        return ()
    total = sum(1 for _ in iter_components(found))
    if total > COMPONENTS_PER_MESSAGE:
        text = f"Must have {COMPONENTS_PER_MESSAGE} or fewer components in total (got {total})"
        problems.add("COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", text, "components")
    if sum(len(text) for text in iter_texts(found)) > TEXT_CHARS:
        text = f"Displayable text size exceeds maximum size of {TEXT_CHARS}"
        problems.add("COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", text, "components")
    return tuple(fill_component_defaults(found))


def fill_component_defaults(components: list[Json]) -> list[Json]:
    """Return a copy in which every component has an id of its own and the defaults that Discord fills in."""
    taken = {item["id"] for item in iter_components(components) if item.get("id")}
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


class _MessageComponentValidator:
    """Walks down one message's components."""

    def __init__(self, problems: FormErrors, *, v2: bool, names: Collection[str]) -> None:
        self.problems = problems
        self.controls = ControlValidator(problems)
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
            self.one(child, (*path, "components", number), CONTAINER_TYPES)

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
            validate_url_scheme(str(url), self.problems, *path, "url", schemes=("attachment",))
        else:
            validate_url_scheme(str(url), self.problems, *path, "url")


INPUT_TYPES = frozenset({T.TEXT_INPUT, T.FILE_UPLOAD, T.RADIO_GROUP, T.CHECKBOX_GROUP, T.CHECKBOX, *SELECTS})


def validate_modal(data: Any, problems: FormErrors) -> Json:
    """Return the modal with ids filled in, noting what is wrong with it."""
    if not isinstance(data, dict):
        problems.add("BASE_TYPE_REQUIRED", "This field is required", "data")
        return {}
    problems.text(data.get("title"), 1, MODAL_TITLE_CHARS, "data", "title")
    problems.text(data.get("custom_id"), 1, CUSTOM_ID_CHARS, "data", "custom_id")
    check = _ModalValidator(problems)
    components = problems.objects(data.get("components"), 1, MODAL_COMPONENTS, "data", "components")
    for number, item in enumerate(components):
        check.top(item, ("data", "components", number))
    if problems:
        return {}
    return {**data, "components": fill_component_defaults(components)}


class _ModalValidator:
    def __init__(self, problems: FormErrors) -> None:
        self.problems = problems
        self.controls = ControlValidator(problems)

    def top(self, item: Json, path: Path) -> None:
        """Note what is wrong with a label, a text, or (the older way) a row with one text input."""
        if not self.problems.one_of(item.get("type"), (T.ACTION_ROW, T.TEXT_DISPLAY, T.LABEL), *path, "type"):
            return
        if item["type"] == T.TEXT_DISPLAY:
            self.problems.text(item.get("content"), 1, TEXT_CHARS, *path, "content")
        elif item["type"] == T.ACTION_ROW:
            for number, child in enumerate(self.problems.objects(item.get("components"), 1, 1, *path, "components")):
                below = (*path, "components", number)
                if self.problems.one_of(child.get("type"), (T.TEXT_INPUT,), *below, "type"):
                    self.problems.text(child.get("label"), 1, LABEL_CHARS, *below, "label")
                    self._text_input(child, below)
        else:
            self._label(item, path)

    def _label(self, item: Json, path: Path) -> None:
        problems = self.problems
        problems.text(item.get("label"), 1, LABEL_CHARS, *path, "label")
        problems.text(item.get("description"), 0, LABEL_DESCRIPTION_CHARS, *path, "description")
        child, below = item.get("component"), (*path, "component")
        if not isinstance(child, dict):
            problems.add("BASE_TYPE_REQUIRED", "This field is required", *below)
            return
        if not problems.one_of(child.get("type"), [int(kind) for kind in INPUT_TYPES], *below, "type"):
            return
        kind = child["type"]
        if kind == T.TEXT_INPUT:
            if child.get("label"):
                words = "A text input in a label has no label of its own"
                problems.add("COMPONENT_LABEL_DUPLICATED", words, *below, "label")
            self._text_input(child, below)
        elif kind in SELECTS:
            self._select(child, below)
        elif kind == T.CHECKBOX:
            self.controls.custom_id(child, below)
        else:
            self._many(child, below)

    def _select(self, child: Json, path: Path) -> None:
        self.controls.select(child, path)
        if child.get("disabled"):
            self.problems.add("COMPONENT_MODAL_DISABLED", "A select in a modal cannot be disabled", *path, "disabled")
        if child.get("required", True) and child.get("min_values") == 0:
            words = "A required component must have min_values of at least 1"
            self.problems.add("COMPONENT_REQUIRED_MIN_VALUES", words, *path, "min_values")

    def _text_input(self, child: Json, path: Path) -> None:
        problems = self.problems
        self.controls.custom_id(child, path)
        problems.one_of(child.get("style", 1), (1, 2), *path, "style")
        low, high = child.get("min_length"), child.get("max_length")
        if low is not None:
            problems.whole(low, 0, TEXT_INPUT_CHARS, *path, "min_length")
        if high is not None:
            problems.whole(high, 1, TEXT_INPUT_CHARS, *path, "max_length")
        problems.text(child.get("placeholder"), 0, 100, *path, "placeholder")
        problems.text(child.get("value"), 0, min(high or TEXT_INPUT_CHARS, TEXT_INPUT_CHARS), *path, "value")

    def _many(self, child: Json, path: Path) -> None:
        """Check a file upload, radio group or checkbox group."""
        self.controls.custom_id(child, path)
        most = {T.FILE_UPLOAD: MODAL_FILES, T.RADIO_GROUP: 1, T.CHECKBOX_GROUP: 10}[child["type"]]
        if child["type"] != T.RADIO_GROUP:
            if child.get("min_values") is not None:
                self.problems.whole(child["min_values"], 0, most, *path, "min_values")
            if child.get("max_values") is not None:
                self.problems.whole(child["max_values"], 1, most, *path, "max_values")
        if child["type"] != T.FILE_UPLOAD:
            self.controls.choices(child, path, 2 if child["type"] == T.RADIO_GROUP else 1, 10)
