"""Buttons and selects: the rules that messages and modals share (components/reference)."""

from typing import Any

from bot.limits import BUTTON_LABEL_CHARS, CUSTOM_ID_CHARS, SELECT_OPTIONS
from sandbox.discord.rules.problems import Problems, Step
from sandbox.discord.world.components import ComponentType

Json = dict[str, Any]
LINK, PREMIUM = 5, 6


class Controls:
    """Checks controls one by one and that no two of them share a custom id."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._custom_ids: set[str] = set()

    def custom_id(self, item: Json, path: tuple[Step, ...]) -> None:
        """Note a custom id that is absent, too long, or used twice."""
        value = item.get("custom_id")
        if not self.problems.text(value, 1, CUSTOM_ID_CHARS, *path, "custom_id"):
            return
        if value in self._custom_ids:
            self.problems.add(
                "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated", *path, "custom_id"
            )
        self._custom_ids.add(str(value))

    def button(self, item: Json, path: tuple[Step, ...]) -> None:
        """Note what is wrong with a button."""
        problems = self.problems
        problems.one_of(item.get("style"), range(1, 7), *path, "style")
        style = item.get("style")
        problems.text(item.get("label"), 0, BUTTON_LABEL_CHARS, *path, "label")
        if style == LINK:
            self.link(item, path)
        elif style != PREMIUM:
            self.custom_id(item, path)
            if item.get("url"):
                problems.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "Only links have a url", *path)
        if style != PREMIUM and not item.get("label") and not item.get("emoji"):
            problems.add("BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji", *path)

    def link(self, item: Json, path: tuple[Step, ...]) -> None:
        """Note what is wrong with a button that opens a page."""
        if item.get("custom_id"):
            words = "A custom id and url cannot both be specified"
            self.problems.add("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", words, *path)
        if self.problems.text(item.get("url"), 1, 512, *path, "url"):
            check_address(str(item["url"]), self.problems, *path, "url", schemes=("http", "https", "discord"))

    def select(self, item: Json, path: tuple[Step, ...]) -> None:
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

    def choices(self, item: Json, path: tuple[Step, ...], low: int, high: int) -> list[Json]:
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


def check_address(url: str, problems: Problems, *path: Step, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Note a URL whose scheme is not among ``schemes``."""
    if url.split(":", 1)[0] in schemes and "://" in url:
        return True
    words = f'Scheme "{url.split(":", 1)[0]}" is not supported. Scheme must be one of {schemes}.'
    problems.add("URL_TYPE_INVALID_SCHEME", words, *path)
    return False
