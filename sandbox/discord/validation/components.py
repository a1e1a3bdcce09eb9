"""Validation of components in messages and in modals (components/reference)."""

import re
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
from sandbox.discord.errors import FormErrors, PathPart
from sandbox.discord.state.components import SELECTS, ComponentType, iter_components, iter_texts

Json = dict[str, Any]
Path = tuple[PathPart, ...]
T = ComponentType

CONTAINER_TYPES = frozenset({T.ACTION_ROW, T.SECTION, T.TEXT_DISPLAY, T.MEDIA_GALLERY, T.FILE, T.SEPARATOR})
TOP_LEVEL_TYPES = CONTAINER_TYPES | {T.CONTAINER}
INPUT_TYPES = frozenset({T.TEXT_INPUT, T.FILE_UPLOAD, T.RADIO_GROUP, T.CHECKBOX_GROUP, T.CHECKBOX, *SELECTS})
MAX_LEGACY_ROWS = 5
# A host of labels as in RFC 1123 or an IPv6 address, then a port; no blank anywhere.
WEB_LABEL = r"[^\W_](?:[^\W_]|-)*"
WEB_URL = re.compile(
    rf"https?://(?:[^/?#\s@]*@)?(?:{WEB_LABEL}(?:\.{WEB_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:[/?#]\S*)?\Z"
)
LINK_STYLE, PREMIUM_STYLE = 5, 6
DEFAULT_VALUE_TYPES = {
    T.USER_SELECT: ("user",),
    T.ROLE_SELECT: ("role",),
    T.MENTIONABLE_SELECT: ("user", "role"),
    T.CHANNEL_SELECT: ("channel",),
}
CHANNEL_TYPES = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16)  # resources/channel


class ControlValidator:
    """Validates buttons and selects, whose custom ids must be unique in a message or modal."""

    def __init__(self, errors: FormErrors) -> None:
        self.errors = errors
        self._custom_ids: set[str] = set()

    def check_custom_id(self, item: Json, path: Path) -> None:
        """Require a custom id that is present, short enough and unique."""
        value = item.get("custom_id")
        if not self.errors.check_text(value, 1, CUSTOM_ID_CHARS, *path, "custom_id"):
            return
        if value in self._custom_ids:
            self.errors.add(
                "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated", *path, "custom_id"
            )
        self._custom_ids.add(str(value))

    def check_button(self, item: Json, path: Path) -> None:
        errors = self.errors
        errors.check_one_of(item.get("style"), range(1, 7), *path, "style")
        style = item.get("style")
        errors.check_text(item.get("label"), 0, BUTTON_LABEL_CHARS, *path, "label")
        if style == LINK_STYLE:
            self.check_link(item, path)
        elif style != PREMIUM_STYLE:
            self.check_custom_id(item, path)
            if item.get("url"):
                errors.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Only links have a url", *path)
        if style != PREMIUM_STYLE and not item.get("label") and not item.get("emoji"):
            errors.add("BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji", *path)

    def check_link(self, item: Json, path: Path) -> None:
        if item.get("custom_id"):
            message = "A custom id and url cannot both be specified"
            self.errors.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message, *path)
        if self.errors.check_text(item.get("url"), 1, 512, *path, "url"):
            validate_url(str(item["url"]), self.errors, *path, "url", schemes=("http", "https", "discord"))

    def check_select(self, item: Json, path: Path) -> None:
        errors = self.errors
        self.check_custom_id(item, path)
        errors.check_text(item.get("placeholder"), 0, 150, *path, "placeholder")
        low, high = item.get("min_values", 1), item.get("max_values", 1)
        errors.check_integer(low, 0, SELECT_OPTIONS, *path, "min_values")
        errors.check_integer(high, 1, SELECT_OPTIONS, *path, "max_values")
        self._check_default_values(item, path)
        if item["type"] == ComponentType.STRING_SELECT:
            options = self.check_options(item, path, 1, SELECT_OPTIONS)
            if isinstance(high, int) and high > len(options):
                message = f"Must not exceed the number of options ({len(options)})"
                errors.add("BASE_TYPE_BAD_INTEGER", message, *path, "max_values")

    def _check_default_values(self, item: Json, path: Path) -> None:
        """Add the errors of what is chosen from the start: of the select's own kind, within its bounds."""
        defaults = self.errors.check_objects(item.get("default_values"), 0, SELECT_OPTIONS, *path, "default_values")
        for number, one in enumerate(defaults):
            own = (*path, "default_values", number)
            self.errors.check_snowflake(one.get("id"), *own, "id")
            if one.get("type") not in DEFAULT_VALUE_TYPES.get(item["type"], ()):
                message = "The type of a default value must be what the select offers"
                self.errors.add("SELECT_COMPONENT_INVALID_DEFAULT_VALUE_TYPE", message, *own, "type")
        low, high = item.get("min_values", 1), item.get("max_values", 1)
        if defaults and not (isinstance(low, int) and isinstance(high, int) and low <= len(defaults) <= high):
            message = "The number of default values must be in the range of min_values and max_values"
            self.errors.add("SELECT_COMPONENT_DEFAULT_VALUES_OUT_OF_RANGE", message, *path, "default_values")
        for number, kind in enumerate(self.errors.check_list(item.get("channel_types"), 0, 25, *path, "channel_types")):
            self.errors.check_one_of(kind, CHANNEL_TYPES, *path, "channel_types", number)

    def check_options(self, item: Json, path: Path, low: int, high: int) -> list[Json]:
        options = self.errors.check_objects(item.get("options"), low, high, *path, "options")
        seen: set[str] = set()
        for number, option in enumerate(options):
            for key, min_length in (("label", 1), ("value", 1), ("description", 0)):
                self.errors.check_text(option.get(key), min_length, 100, *path, "options", number, key)
            if str(option.get("value")) in seen:
                message = "The specified option value is already used"
                self.errors.add("SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message, *path, "options", number, "value")
            seen.add(str(option.get("value")))
        return options


def validate_url(url: str, errors: FormErrors, *path: PathPart, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Require a well-formed URL with one of ``schemes``; return whether it is one.

    Discord parses the host of a web URL strictly: an underscore, a blank or an empty label in it is refused
    (alexemanuelol/rustplusplus#255, #259; discordjs/discord.js#5724).
    """
    if url.split(":", 1)[0] in schemes and "://" in url:
        if not url.startswith(("http://", "https://")) or WEB_URL.match(url):
            return True
        errors.add("URL_TYPE_INVALID_URL", "Not a well formed URL.", *path)
        return False
    message = f'Scheme "{url.split(":", 1)[0]}" is not supported. Scheme must be one of {schemes}.'
    errors.add("URL_TYPE_INVALID_SCHEME", message, *path)
    return False


def validate_components(components: Any, errors: FormErrors, *, v2: bool, names: Collection[str]) -> tuple[Json, ...]:
    """Add the errors of a message's components and return them with ids and defaults filled in.

    ``names`` are the message's file names, which ``attachment://name`` may refer to.
    """
    high = COMPONENTS_PER_MESSAGE if v2 else MAX_LEGACY_ROWS
    found = errors.check_list(components, 0, high, "components")
    validator = _MessageComponentValidator(errors, v2=v2, names=names)
    for number, item in enumerate(found):
        validator.check(item, ("components", number), TOP_LEVEL_TYPES if v2 else {T.ACTION_ROW})
    if errors:
        return ()
    total = sum(1 for _ in iter_components(found))
    if total > COMPONENTS_PER_MESSAGE:
        message = f"Must have {COMPONENTS_PER_MESSAGE} or fewer components in total (got {total})"
        errors.add("COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message, "components")
    if sum(len(text) for text in iter_texts(found)) > TEXT_CHARS:
        message = f"Displayable text size exceeds maximum size of {TEXT_CHARS}"
        errors.add("COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message, "components")
    return tuple(fill_component_defaults(found))


def fill_component_defaults(components: list[Json]) -> list[Json]:
    """Return a copy in which every component has a unique id and Discord's defaults."""
    used = {item["id"] for item in iter_components(components) if item.get("id")}
    free = (number for number in range(1, 10_000) if number not in used)
    defaults: dict[int, Json] = {
        T.CONTAINER: {"accent_color": None, "spoiler": False},
        T.THUMBNAIL: {"description": None, "spoiler": False},
        T.FILE: {"spoiler": False},
        T.SEPARATOR: {"divider": True, "spacing": 1},
    }

    def fill(item: Json) -> Json:
        filled = {**defaults.get(item["type"], {}), **item}
        filled["id"] = item.get("id") or next(free)
        if item["type"] in SELECTS:
            filled = {"min_values": 1, "max_values": 1, "disabled": False, **filled}
        if filled.get("default_values"):  # a browser cannot read an id that is sent as a number
            filled["default_values"] = [{**one, "id": str(one["id"])} for one in filled["default_values"]]
        if "items" in filled:
            filled["items"] = [{"description": None, "spoiler": False, **entry} for entry in filled["items"]]
        if "components" in filled:
            filled["components"] = [fill(child) for child in filled["components"]]
        for key in ("accessory", "component"):
            if key in filled:
                filled[key] = fill(filled[key])
        return filled

    return [fill(item) for item in components]


class _MessageComponentValidator:
    """Validates the components of one message recursively."""

    def __init__(self, errors: FormErrors, *, v2: bool, names: Collection[str]) -> None:
        self.errors = errors
        self.controls = ControlValidator(errors)
        self.v2 = v2
        self.names = names
        self._ids: set[int] = set()
        self._by_type = {
            T.ACTION_ROW: self._check_row,
            T.BUTTON: self.controls.check_button,
            T.SECTION: self._check_section,
            T.TEXT_DISPLAY: self._check_text,
            T.THUMBNAIL: self._check_thumbnail,
            T.MEDIA_GALLERY: self._check_gallery,
            T.FILE: self._check_file,
            T.SEPARATOR: self._check_separator,
            T.CONTAINER: self._check_container,
            **dict.fromkeys(SELECTS, self.controls.check_select),
        }

    def check(self, item: Any, path: Path, allowed: Collection[int]) -> None:
        """Add the errors of one component and its children."""
        if not isinstance(item, dict):
            self.errors.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
            return
        if not self.errors.check_one_of(item.get("type"), [int(kind) for kind in allowed], *path, "type"):
            return
        number = item.get("id") or 0
        if self.errors.check_integer(number, 0, (1 << 31) - 1, *path, "id") and number:
            if number in self._ids:
                self.errors.add("COMPONENT_ID_DUPLICATED", "Component id cannot be duplicated", *path, "id")
            self._ids.add(number)
        self._by_type[T(item["type"])](item, path)

    def _check_row(self, item: Json, path: Path) -> None:
        children = self.errors.check_list(item.get("components"), 1, 5, *path, "components")
        for number, child in enumerate(children):
            self.check(child, (*path, "components", number), {T.BUTTON, *SELECTS})
        if len(children) > 1 and any(isinstance(child, dict) and child.get("type") in SELECTS for child in children):
            message = "The specified component exceeds the maximum width"
            self.errors.add("COMPONENT_LAYOUT_WIDTH_EXCEEDED", message, *path, "components")

    def _check_container(self, item: Json, path: Path) -> None:
        accent = item.get("accent_color")
        if accent is not None:
            self.errors.check_integer(accent, 0, 0xFFFFFF, *path, "accent_color")
        children = self.errors.check_list(item.get("components"), 1, COMPONENTS_PER_MESSAGE, *path, "components")
        for number, child in enumerate(children):
            self.check(child, (*path, "components", number), CONTAINER_TYPES)

    def _check_section(self, item: Json, path: Path) -> None:
        children = self.errors.check_list(item.get("components"), 1, 3, *path, "components")
        for number, child in enumerate(children):
            self.check(child, (*path, "components", number), {T.TEXT_DISPLAY})
        if item.get("accessory") is None:
            self.errors.add("BASE_TYPE_REQUIRED", "This field is required", *path, "accessory")
        else:
            self.check(item["accessory"], (*path, "accessory"), {T.BUTTON, T.THUMBNAIL})

    def _check_text(self, item: Json, path: Path) -> None:
        self.errors.check_text(item.get("content"), 1, TEXT_CHARS, *path, "content")

    def _check_thumbnail(self, item: Json, path: Path) -> None:
        self.errors.check_text(item.get("description"), 0, GALLERY_DESCRIPTION_CHARS, *path, "description")
        self._check_media(item.get("media"), (*path, "media"))

    def _check_gallery(self, item: Json, path: Path) -> None:
        for number, entry in enumerate(self.errors.check_objects(item.get("items"), 1, GALLERY_ITEMS, *path, "items")):
            item_path = (*path, "items", number)
            self.errors.check_text(entry.get("description"), 0, GALLERY_DESCRIPTION_CHARS, *item_path, "description")
            self._check_media(entry.get("media"), (*item_path, "media"))

    def _check_file(self, item: Json, path: Path) -> None:
        self._check_media(item.get("file"), (*path, "file"), uploaded_only=True)

    def _check_separator(self, item: Json, path: Path) -> None:
        self.errors.check_one_of(item.get("spacing", 1), (1, 2), *path, "spacing")

    def _check_media(self, item: Any, path: Path, *, uploaded_only: bool = False) -> None:
        url = item.get("url") if isinstance(item, dict) else None
        if not self.errors.check_text(url, 1, 2048, *path, "url"):
            return
        if str(url).startswith("attachment://"):
            if str(url).removeprefix("attachment://") not in self.names:
                message = f"The referenced attachment “{url}” was not found"
                self.errors.add("UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", message, *path, "url")
        elif uploaded_only:
            validate_url(str(url), self.errors, *path, "url", schemes=("attachment",))
        else:
            validate_url(str(url), self.errors, *path, "url")


def validate_modal(data: Any, errors: FormErrors) -> Json:
    """Add the errors of a modal and return it with ids and defaults filled in."""
    if not isinstance(data, dict):
        errors.add("BASE_TYPE_REQUIRED", "This field is required", "data")
        return {}
    errors.check_text(data.get("title"), 1, MODAL_TITLE_CHARS, "data", "title")
    errors.check_text(data.get("custom_id"), 1, CUSTOM_ID_CHARS, "data", "custom_id")
    validator = _ModalValidator(errors)
    components = errors.check_objects(data.get("components"), 1, MODAL_COMPONENTS, "data", "components")
    for number, item in enumerate(components):
        validator.check(item, ("data", "components", number))
    if errors:
        return {}
    return {**data, "components": fill_component_defaults(components)}


class _ModalValidator:
    def __init__(self, errors: FormErrors) -> None:
        self.errors = errors
        self.controls = ControlValidator(errors)

    def check(self, item: Json, path: Path) -> None:
        """Add the errors of a label, a text display, or (deprecated) an action row with one text input."""
        if not self.errors.check_one_of(item.get("type"), (T.ACTION_ROW, T.TEXT_DISPLAY, T.LABEL), *path, "type"):
            return
        if item["type"] == T.TEXT_DISPLAY:
            self.errors.check_text(item.get("content"), 1, TEXT_CHARS, *path, "content")
        elif item["type"] == T.ACTION_ROW:
            for number, child in enumerate(
                self.errors.check_objects(item.get("components"), 1, 1, *path, "components")
            ):
                child_path = (*path, "components", number)
                if self.errors.check_one_of(child.get("type"), (T.TEXT_INPUT,), *child_path, "type"):
                    self.errors.check_text(child.get("label"), 1, LABEL_CHARS, *child_path, "label")
                    self._check_text_input(child, child_path)
        else:
            self._check_label(item, path)

    def _check_label(self, item: Json, path: Path) -> None:
        errors = self.errors
        errors.check_text(item.get("label"), 1, LABEL_CHARS, *path, "label")
        errors.check_text(item.get("description"), 0, LABEL_DESCRIPTION_CHARS, *path, "description")
        child, child_path = item.get("component"), (*path, "component")
        if not isinstance(child, dict):
            errors.add("BASE_TYPE_REQUIRED", "This field is required", *child_path)
            return
        if not errors.check_one_of(child.get("type"), [int(kind) for kind in INPUT_TYPES], *child_path, "type"):
            return
        kind = child["type"]
        if kind == T.TEXT_INPUT:
            if child.get("label"):
                message = "A text input in a label has no label of its own"
                errors.add("COMPONENT_LABEL_DUPLICATED", message, *child_path, "label")
            self._check_text_input(child, child_path)
        elif kind in SELECTS:
            self._check_select(child, child_path)
        elif kind == T.CHECKBOX:
            self.controls.check_custom_id(child, child_path)
        else:
            self._check_multiple(child, child_path)

    def _check_select(self, child: Json, path: Path) -> None:
        self.controls.check_select(child, path)
        if child.get("disabled"):
            self.errors.add("COMPONENT_MODAL_DISABLED", "A select in a modal cannot be disabled", *path, "disabled")
        if child.get("required", True) and child.get("min_values") == 0:
            message = "A required component must have min_values of at least 1"
            self.errors.add("COMPONENT_REQUIRED_MIN_VALUES", message, *path, "min_values")

    def _check_text_input(self, child: Json, path: Path) -> None:
        errors = self.errors
        self.controls.check_custom_id(child, path)
        errors.check_one_of(child.get("style", 1), (1, 2), *path, "style")
        low, high = child.get("min_length"), child.get("max_length")
        if low is not None:
            errors.check_integer(low, 0, TEXT_INPUT_CHARS, *path, "min_length")
        if high is not None:
            errors.check_integer(high, 1, TEXT_INPUT_CHARS, *path, "max_length")
        errors.check_text(child.get("placeholder"), 0, 100, *path, "placeholder")
        errors.check_text(child.get("value"), 0, min(high or TEXT_INPUT_CHARS, TEXT_INPUT_CHARS), *path, "value")

    def _check_multiple(self, child: Json, path: Path) -> None:
        """Add the errors of a file upload, radio group or checkbox group."""
        self.controls.check_custom_id(child, path)
        max_values = {T.FILE_UPLOAD: MODAL_FILES, T.RADIO_GROUP: 1, T.CHECKBOX_GROUP: 10}[child["type"]]
        if child["type"] != T.RADIO_GROUP:
            if child.get("min_values") is not None:
                self.errors.check_integer(child["min_values"], 0, max_values, *path, "min_values")
            if child.get("max_values") is not None:
                self.errors.check_integer(child["max_values"], 1, max_values, *path, "max_values")
        if child["type"] != T.FILE_UPLOAD:
            self.controls.check_options(child, path, 2 if child["type"] == T.RADIO_GROUP else 1, 10)
