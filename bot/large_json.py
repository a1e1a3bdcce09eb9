"""JSON of others that is too large, too deep, or has numbers too long, to be held as Python values.

A model may return any JSON. 20 MB of numbers are two million objects: to parse, copy, compare or lay them out holds up
everything else for seconds. ``read_object`` therefore keeps the large parts of chosen members as their text, as
``LargeJson``; what remains is small. It is made to run in a worker process: what it returns is quick to send back.
"""

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.limits import (
    JSON_CHARS_HELD,
    JSON_DEPTH_HELD,
    JSON_FILES_HELD,
    JSON_ITEMS_HELD,
    JSON_NODES_HELD,
    JSON_STRINGS_HELD,
)

_INTEGER_DIGITS: Final = 4000  # Python converts up to 4300 to and from text (sys.set_int_max_str_digits)
_FILE: Final = re.compile(r"https?:|data:|spooled:", re.IGNORECASE)
_OPENING, _COLON, _COMMA, _CLOSING = (re.compile(rf"[ \t\r\n]*{mark}[ \t\r\n]*") for mark in (r"\{", ":", ",", r"\}"))
_BRACKET_OR_STRING: Final = re.compile(r'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class LargeJson:
    """A JSON array or object, as its text."""

    text: str = field(repr=False)


class InvalidJson(ValueError):
    """The text is not a JSON object."""


def _read_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else digits


_DECODER: Final = json.JSONDecoder(parse_int=_read_integer)


def load(text: str) -> Any:
    """Return the value of a JSON text; integers of too many digits become text. Raises ValueError, RecursionError."""
    return _DECODER.decode(text)


def read_object(body: bytes, large: Collection[str] = (), lists: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON object in ``body``; raise InvalidJson if there is none.

    In the members named in ``large``, arrays and objects that are large or deep become LargeJson; so they do in these
    members of the objects in the arrays named in ``lists``. Integers of too many digits become text.
    """
    try:
        members = _read_members(body.decode(json.detect_encoding(body)), large)
        for name in lists:
            if isinstance(items := members.get(name), list):
                members[name] = [_fold_members(item, large) if isinstance(item, dict) else item for item in items]
    except (ValueError, IndexError, RecursionError) as error:
        raise InvalidJson("The text is not a JSON object.") from error
    return members


def encode(value: Any) -> Iterator[str]:
    """Yield the JSON text of a value that may contain LargeJson, in pieces."""
    large: list[LargeJson] = []
    mark = secrets.token_hex(8)  # that no model guesses

    def replace_large(item: object) -> object:
        if isinstance(item, Mapping):
            return dict(item)
        if not isinstance(item, LargeJson):
            raise TypeError(f"{type(item).__name__} is not JSON.")
        large.append(item)
        return mark

    first, *others = json.dumps(value, ensure_ascii=False, default=replace_large).split(f'"{mark}"')
    yield first
    for item, after in zip(large, others, strict=True):
        yield item.text
        yield after


def contains_large(value: Any) -> bool:
    """Return whether there is a LargeJson anywhere in what ``read_object`` returned."""
    if isinstance(value, Mapping):
        return any(map(contains_large, value.values()))
    if isinstance(value, list):
        return any(contains_large(item) for item in value if not isinstance(item, str))
    return isinstance(value, LargeJson)


def _read_members(text: str, large: Collection[str]) -> dict[str, Any]:
    """Return the members of the object; one by one, because one that is too deep must not cost the others."""
    members: dict[str, Any] = {}
    at = _expect(_OPENING, text, 0)
    while (closing := _CLOSING.match(text, at)) is None:
        if members:
            at = _expect(_COMMA, text, at)
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            raise InvalidJson("The name of a member is not a string.")
        members[name], at = _read_member(text, _expect(_COLON, text, at), is_large=name in large)
    if closing.end() != len(text):
        raise InvalidJson("There is something after the object.")
    return members


def _read_member(text: str, start: int, *, is_large: bool) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        if not is_large:
            raise
        end = _find_closing(text, start)
        return LargeJson(text[start:end]), end
    if is_large and isinstance(value, list | dict) and _is_too_large(value, text, start, end):
        value = _fold(value)
    return value, end


def _is_too_large(value: Any, text: str, start: int, end: int) -> bool:
    if end - start > JSON_CHARS_HELD:
        return True
    opening = text.count("[", start, end) + text.count("{", start, end)
    return opening > JSON_DEPTH_HELD and _is_deeper_than(value, JSON_DEPTH_HELD)


def _is_deeper_than(value: Any, depth: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper_than(item, depth - 1) for item in inner)


def _fold_members(item: dict[str, Any], large: Collection[str]) -> dict[str, Any]:
    return {name: _fold(value) if name in large else value for name, value in item.items()}


def _fold(value: Any) -> Any:
    """Return the value with its large and deep parts as LargeJson."""
    return _Folder().fold(value, 0)


class _Folder:
    """Keeps what may be shown by itself: texts, files, and the objects and arrays around them, up to a number."""

    def __init__(self) -> None:
        self._nodes = JSON_NODES_HELD
        self._strings = JSON_STRINGS_HELD
        self._files = JSON_FILES_HELD

    def fold(self, value: Any, depth: int) -> Any:
        if not isinstance(value, list | dict) or not value:
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return self._fold_strings(value)
        if depth >= JSON_DEPTH_HELD or len(value) > self._nodes:
            return LargeJson(json.dumps(value))
        if len(value) > JSON_ITEMS_HELD and not _contains_file(value):
            return LargeJson(json.dumps(value))
        self._nodes -= len(value)
        if isinstance(value, dict):
            return {name: self.fold(item, depth + 1) for name, item in value.items()}
        return [self.fold(item, depth + 1) for item in value]

    def _fold_strings(self, value: list[str]) -> Any:
        """Keep the pieces of a text, and as many files as there is a place for."""
        if _FILE.match(value[0]):
            kept, rest = value[: self._files], value[self._files :]
            self._files -= len(kept)
            return [*kept, LargeJson(json.dumps(rest))] if rest else kept
        if len(value) > self._strings:
            return LargeJson(json.dumps(value))
        self._strings -= len(value)
        return value


def _contains_file(value: Any) -> bool:
    if isinstance(value, str):
        return _FILE.match(value) is not None
    if isinstance(value, dict):
        return any(map(_contains_file, value.values()))
    return isinstance(value, list) and any(map(_contains_file, value))


def _find_closing(text: str, start: int) -> int:
    """Return the position after the array or object that begins at ``start``."""
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(text, start):
        character = text[match.start()]
        if character == '"':
            continue
        depth += 1 if character in "[{" else -1
        if depth == 0:
            return match.end()
    raise InvalidJson("An array or object has no end.")


def _expect(mark: re.Pattern[str], text: str, at: int) -> int:
    """Return the position behind a mark and the blanks around it."""
    match = mark.match(text, at)
    if match is None:
        raise InvalidJson(f"“{mark.pattern}” is missing.")
    return match.end()
