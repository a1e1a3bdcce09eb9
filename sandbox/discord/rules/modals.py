"""Modals: what an application may ask in one (components/reference, receiving-and-responding)."""

from typing import Any

from bot.limits import (
    CUSTOM_ID_CHARS,
    LABEL_CHARS,
    LABEL_DESCRIPTION_CHARS,
    MODAL_COMPONENTS,
    MODAL_FILES,
    MODAL_TITLE_CHARS,
    TEXT_CHARS,
    TEXT_INPUT_CHARS,
)
from sandbox.discord.rules.components import number_components
from sandbox.discord.rules.controls import Controls
from sandbox.discord.rules.problems import Problems, Step
from sandbox.discord.world.components import SELECTS, ComponentType

Json = dict[str, Any]
Path = tuple[Step, ...]
T = ComponentType
ASKING = frozenset({T.TEXT_INPUT, T.FILE_UPLOAD, T.RADIO_GROUP, T.CHECKBOX_GROUP, T.CHECKBOX, *SELECTS})


def check_modal(data: Any, problems: Problems) -> Json:
    """Return the modal with ids filled in, noting what is wrong with it."""
    if not isinstance(data, dict):
        problems.add("BASE_TYPE_REQUIRED", "This field is required", "data")
        return {}
    problems.text(data.get("title"), 1, MODAL_TITLE_CHARS, "data", "title")
    problems.text(data.get("custom_id"), 1, CUSTOM_ID_CHARS, "data", "custom_id")
    check = _Check(problems)
    components = problems.objects(data.get("components"), 1, MODAL_COMPONENTS, "data", "components")
    for number, item in enumerate(components):
        check.top(item, ("data", "components", number))
    if problems:
        return {}
    return {**data, "components": number_components(components)}


class _Check:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.controls = Controls(problems)

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
        if not problems.one_of(child.get("type"), [int(kind) for kind in ASKING], *below, "type"):
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
