"""Checks a value against the part of JSON Schema that models use. What it does not know, it lets pass."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bot.options.schema import canonical_json

_TYPES: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    "string": ("text", (str,)),
    "integer": ("a whole number", (int, float)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
    "object": ("an object {…}", (Mapping,)),
    "array": ("a list […]", (list, tuple)),
    "null": ("null", (type(None),)),
}
# A pattern comes from a stranger and Python's engine can take for ever: only those that cannot are tried.
_QUANTIFIED_GROUP: Final = re.compile(r"\)[*+?{]")
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_PATTERN_CHARS: Final = 200
_PATTERN_TEXT_CHARS: Final = 2_000


def find_violation(value: Any, schema: Mapping[str, Any], path: str = "") -> str | None:
    """Return what is wrong with the value, to stand after its name (“must be a number”), or None.

    ``schema`` has its references inlined; ``nullable`` is honoured.
    """
    if value is None and schema.get("nullable") is True:
        return None
    for check in (_type_fault, _choice_fault, _number_fault, _text_fault, _list_fault, _object_fault, _union_fault):
        found = check(value, schema, path)
        if found:
            return found
    return None


def is_type(value: object, name: str) -> bool:
    """Whether the value is of the JSON type; an unknown type fits everything."""
    if name not in _TYPES:
        return True
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name][1])


def _at(path: str) -> str:
    return f"(at {path}) " if path else ""


def _type_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    names = schema.get("type")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or any(is_type(value, name) for name in names if isinstance(name, str)):
        return None
    return f"{_at(path)}must be {' or '.join(_TYPES[name][0] for name in names if name in _TYPES)}"


def _choice_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    for choices in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if isinstance(choices, list) and choices and _plainly(value) not in map(_plainly, choices):
            return f"{_at(path)}must be one of {_some(choices)}"
    return None


def _some(choices: Sequence[Any]) -> str:
    shown = ", ".join(str(choice) for choice in choices[:10])
    return f"{shown}, …" if len(choices) > 10 else shown


def _plainly(value: Any) -> str:
    """Return a text that is the same for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    return canonical_json(_whole_where_whole(value))


def _whole_where_whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole_where_whole(each) for key, each in value.items()}
    return [_whole_where_whole(each) for each in value] if isinstance(value, list | tuple) else value


def _number_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for key, (words, holds) in _BOUNDS.items():
        bound = schema.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and not holds(value, bound):
            return f"{_at(path)}must be {words} {bound}"
    return None


def _is_multiple(value: float, step: float) -> bool:
    if step <= 0:
        return True
    if isinstance(step, int) and isinstance(value, int):
        return value % step == 0
    ratio = value / step
    return math.isfinite(ratio) and math.isclose(ratio, round(ratio), rel_tol=1e-9, abs_tol=1e-9)


_BOUNDS: Final[Mapping[str, tuple[str, Callable[[float, float], bool]]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
    "multipleOf": ("a multiple of", _is_multiple),
}


def _text_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    if not isinstance(value, str):
        return None
    shortest, longest, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    if isinstance(shortest, int) and len(value) < shortest:
        return f"{_at(path)}must have at least {shortest} characters; it has {len(value)}"
    if isinstance(longest, int) and len(value) > longest:
        return f"{_at(path)}must have at most {longest} characters; it has {len(value)}"
    if isinstance(pattern, str) and not _matches(pattern, value):
        return f"{_at(path)}must match the pattern {pattern}"
    return None


def _matches(pattern: str, text: str) -> bool:
    """Whether the text matches, or the pattern is one that is left to Replicate."""
    harmless = not _QUANTIFIED_GROUP.search(pattern) and len(_UNBOUNDED.findall(pattern)) <= 1
    if not harmless or len(pattern) > _PATTERN_CHARS or len(text) > _PATTERN_TEXT_CHARS:
        return True
    try:
        return re.search(pattern, text) is not None
    except (re.error, OverflowError, RecursionError):
        return True


def _list_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    if not isinstance(value, list | tuple):
        return None
    fewest, most, items = schema.get("minItems"), schema.get("maxItems"), schema.get("items")
    if isinstance(fewest, int) and len(value) < fewest:
        return f"{_at(path)}needs at least {fewest} of them; you gave {len(value)}"
    if isinstance(most, int) and len(value) > most:
        return f"{_at(path)}takes at most {most} of them; you gave {len(value)}"
    if schema.get("uniqueItems") is True and len({_plainly(each) for each in value}) < len(value):
        return f"{_at(path)}must not name the same twice"
    if not isinstance(items, Mapping):
        return None
    faults = (find_violation(each, items, f"{path}[{number}]") for number, each in enumerate(value))
    return next((found for found in faults if found), None)


def _object_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    if not isinstance(value, Mapping):
        return None
    required, known, rest = schema.get("required"), schema.get("properties"), schema.get("additionalProperties")
    properties = known if isinstance(known, Mapping) else {}
    for name in required if isinstance(required, list) else ():
        if name not in value:
            return f"{_at(path)}needs “{name}”"
    for name, each in value.items():
        part = properties.get(name, rest)
        if part is False:
            return f"{_at(path)}does not know “{name}”"
        found = find_violation(each, part, f"{path}.{name}".lstrip(".")) if isinstance(part, Mapping) else None
        if found:
            return found
    return None


def _union_fault(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    for part in _parts(schema, "allOf"):
        found = find_violation(value, part, path)
        if found:
            return found
    for key in ("anyOf", "oneOf"):
        faults = [find_violation(value, part, path) for part in _parts(schema, key)]
        if faults and all(faults):
            return faults[0] if len(faults) == 1 else f"{_at(path)}fits none of the forms that the model takes"
    return None


def _parts(schema: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    parts = schema.get(key)
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
