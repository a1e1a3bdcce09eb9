"""What is wrong with a form, field by field, as Discord tells it (code 50035)."""

from collections.abc import Collection
from typing import Any

from sandbox.discord.errors import INVALID_FORM, ApiError

PathPart = str | int


class FormErrors:
    """Collects problems by the path to their field; ``check`` raises when there are any."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[PathPart, ...], str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, code: str, message: str, *path: PathPart) -> None:
        """Note that the field at ``path`` is wrong."""
        self._found.append((path, code, message))

    def check(self) -> None:
        """Raise the answer that tells of all problems; return when there is none."""
        if not self._found:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self._found:
            node = tree
            for step in path:
                node = node.setdefault(str(step), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise ApiError(INVALID_FORM, errors=tree)

    def text(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Note unless ``value`` is a text of ``low`` to ``high`` characters."""
        if value is None:
            if low:
                self.add("BASE_TYPE_REQUIRED", "This field is required", *path)
            return not low
        if not isinstance(value, str):
            self.add("BASE_TYPE_STRING", "Could not interpret value as string.", *path)
            return False
        if low and not value:
            self.add("BASE_TYPE_REQUIRED", "This field is required", *path)
        elif not low <= len(value) <= high:
            words = f"Must be between {low} and {high} in length." if low else f"Must be {high} or fewer in length."
            self.add("BASE_TYPE_BAD_LENGTH" if low else "BASE_TYPE_MAX_LENGTH", words, *path)
        else:
            return True
        return False

    def items(self, value: Any, low: int, high: int, *path: PathPart) -> list[Any]:
        """Return ``value`` as a list, noting unless it has ``low`` to ``high`` items."""
        if value is None and not low:
            return []
        if not isinstance(value, list):
            self.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType", *path)
            return []
        if not low <= len(value) <= high:
            self.add("BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.", *path)
        return value

    def objects(self, value: Any, low: int, high: int, *path: PathPart) -> list[dict[str, Any]]:
        """Return the objects in ``value``, noting what else is in it and unless it has ``low`` to ``high`` items."""
        found = []
        for number, item in enumerate(self.items(value, low, high, *path)):
            if isinstance(item, dict):
                found.append(item)
            else:
                self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path, number)
        return found

    def object(self, value: Any, *path: PathPart) -> dict[str, Any]:
        """Return ``value`` as an object, empty when absent, noting unless it is one."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
        return {}

    def snowflake(self, value: Any, *path: PathPart) -> int:
        """Return ``value`` as an id, noting unless it is one."""
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).isdecimal():
            return int(value)
        self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.', *path)
        return 0

    def whole(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Note unless ``value`` is a whole number from ``low`` to ``high``."""
        if isinstance(value, bool) or not isinstance(value, int):
            self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.', *path)
            return False
        if value < low:
            self.add("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.", *path)
        elif value > high:
            self.add("NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.", *path)
        return low <= value <= high

    def one_of(self, value: Any, allowed: Collection[Any], *path: PathPart) -> bool:
        """Note unless ``value`` is among ``allowed``."""
        if not isinstance(value, bool) and any(value == one for one in allowed):
            return True
        words = ", ".join(str(one) for one in sorted(allowed))
        self.add("BASE_TYPE_CHOICES", f"Value must be one of ({words}).", *path)
        return False
