"""Validation errors of a request body, field by field, as Discord reports them (code 50035)."""

from collections.abc import Collection
from typing import Any

from sandbox.discord.errors import INVALID_FORM, ApiError

PathPart = str | int


class FormErrors:
    """Collects errors by the path of their field.

    The ``check_…`` methods add an error unless the value at ``path`` is valid; most return whether it is.
    """

    def __init__(self) -> None:
        self._errors: list[tuple[tuple[PathPart, ...], str, str]] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, code: str, message: str, *path: PathPart) -> None:
        self._errors.append((path, code, message))

    def raise_if_any(self) -> None:
        """Raise ApiError with all errors; return if there are none."""
        if not self._errors:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self._errors:
            node = tree
            for part in path:
                node = node.setdefault(str(part), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise ApiError(INVALID_FORM, errors=tree)

    def check_text(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Require a string of ``low`` to ``high`` characters; with ``low`` 0 it may be absent."""
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
            message = f"Must be between {low} and {high} in length." if low else f"Must be {high} or fewer in length."
            self.add("BASE_TYPE_BAD_LENGTH" if low else "BASE_TYPE_MAX_LENGTH", message, *path)
        else:
            return True
        return False

    def check_list(self, value: Any, low: int, high: int, *path: PathPart) -> list[Any]:
        """Require a list of ``low`` to ``high`` items and return it; with ``low`` 0 it may be absent."""
        if value is None and not low:
            return []
        if not isinstance(value, list):
            self.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType", *path)
            return []
        if not low <= len(value) <= high:
            self.add("BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.", *path)
        return value

    def check_objects(self, value: Any, low: int, high: int, *path: PathPart) -> list[dict[str, Any]]:
        """Require a list of ``low`` to ``high`` objects and return the objects in it."""
        found = []
        for number, item in enumerate(self.check_list(value, low, high, *path)):
            if isinstance(item, dict):
                found.append(item)
            else:
                self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path, number)
        return found

    def check_object(self, value: Any, *path: PathPart) -> dict[str, Any]:
        """Require an object and return it; an absent one is empty."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType", *path)
        return {}

    def check_snowflake(self, value: Any, *path: PathPart) -> int:
        """Require an id and return it, or 0."""
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).isdecimal():
            return int(value)
        self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.', *path)
        return 0

    def check_integer(self, value: Any, low: int, high: int, *path: PathPart) -> bool:
        """Require an integer from ``low`` to ``high``."""
        if isinstance(value, bool) or not isinstance(value, int):
            self.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.', *path)
            return False
        if value < low:
            self.add("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.", *path)
        elif value > high:
            self.add("NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.", *path)
        return low <= value <= high

    def check_one_of(self, value: Any, allowed: Collection[Any], *path: PathPart) -> bool:
        if not isinstance(value, bool) and any(value == one for one in allowed):
            return True
        choices = ", ".join(str(one) for one in sorted(allowed))
        self.add("BASE_TYPE_CHOICES", f"Value must be one of ({choices}).", *path)
        return False
