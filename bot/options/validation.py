"""Validate a value against a model's schema with jsonschema, ignoring what models write wrongly.

Replicate is the judge of an input; this check only saves a person a run that is bound to fail. So a keyword that is
unknown, malformed or costly to check accepts every value.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from bot.formatting import format_count

_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object {…}",
    "array": "a list […]",
    "null": "null",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
# A pattern comes from a stranger, and Python's engine backtracks: only patterns that cannot explode are checked.
_QUANTIFIED_GROUP: Final = re.compile(r"\)[*+?{]")
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_PATTERN_CHARS: Final = 200
_PATTERN_TEXT_CHARS: Final = 2_000
_MAX_LISTED: Final = 10  # choices that a message lists

# Our own keyword: the schema applies unless the value is null. OpenAPI's ``nullable`` becomes it.
_UNLESS_NULL: Final = "unlessNull"


def build_validator(schema: Mapping[str, Any]) -> Validator:
    """Return a validator for a schema whose references are inlined; ``nullable`` is honoured."""
    return _Validator(_sanitize(schema))


def find_violation(validator: Validator, value: Any) -> str | None:
    """Return what is wrong with the value, to follow its name (“must be a number”), or None."""
    error = best_match(validator.iter_errors(value), key=_relevance)
    if error is None:
        return None
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    return f"(at {path}) {_describe(error)}" if path else _describe(error)


def _relevance(error: ValidationError) -> tuple[int, bool]:
    """Rank errors: the outermost first; a union says the least about what is wrong."""
    return -len(error.path), error.validator not in ("anyOf", "oneOf")


def _describe(error: ValidationError) -> str:
    keyword, expected, value = str(error.validator), error.validator_value, error.instance
    if keyword in _DESCRIPTIONS:
        return _DESCRIPTIONS[keyword](expected, value)
    if keyword == "additionalProperties" and isinstance(error.schema, Mapping):
        return _describe_extra(error.schema.get("properties", {}), value)
    return f"must be {_BOUNDS[keyword]} {expected}" if keyword in _BOUNDS else "isn't a value the model accepts"


def _describe_type(expected: Any, _: Any) -> str:
    names = [expected] if isinstance(expected, str) else expected
    return f"must be {' or '.join(_TYPES[name] for name in names)}"


def _describe_choices(choices: Any, _: Any) -> str:
    listed = ", ".join(str(choice) for choice in choices[:_MAX_LISTED])
    return f"must be one of {listed}, …" if len(choices) > _MAX_LISTED else f"must be one of {listed}"


def _describe_missing(required: Any, value: Any) -> str:
    return f"needs “{next(name for name in required if name not in value)}”"


def _describe_extra(properties: Any, value: Any) -> str:
    return f"doesn't accept “{next(name for name in value if name not in properties)}”"


_DESCRIPTIONS: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "type": _describe_type,
    "enum": _describe_choices,
    "const": lambda expected, _: f"must be {expected}",
    "minLength": lambda limit, value: f"must have at least {limit} characters (it has {len(value)})",
    "maxLength": lambda limit, value: f"must have at most {limit} characters (it has {len(value)})",
    "pattern": lambda pattern, _: f"must match the pattern {pattern}",
    "minItems": lambda limit, value: f"needs at least {format_count(limit, 'item')} (you entered {len(value)})",
    "maxItems": lambda limit, value: f"accepts at most {format_count(limit, 'item')} (you entered {len(value)})",
    "uniqueItems": lambda *_: "must not contain the same item twice",
    "required": _describe_missing,
    "anyOf": lambda *_: "doesn't match any of the forms the model accepts",
    "oneOf": lambda *_: "doesn't match any of the forms the model accepts",
}


def _check_unless_null(validator: Validator, schema: Any, value: Any, _: Any) -> Iterator[ValidationError]:
    if value is not None:
        yield from validator.evolve(schema=schema).iter_errors(value)


def _check_multiple(validator: Validator, step: float, value: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(value, "number") and not _is_multiple(value, step):
        yield ValidationError(f"not a multiple of {step}")


def _is_multiple(value: float, step: float) -> bool:
    """Allow for the rounding of floats: 0.3 is a multiple of 0.1. A ratio too large for a float passes."""
    if isinstance(step, int) and isinstance(value, int):
        return value % step == 0
    try:
        ratio = value / step
    except OverflowError:
        return True
    return not math.isfinite(ratio) or math.isclose(ratio, round(ratio), rel_tol=1e-9, abs_tol=1e-9)


def _check_pattern(validator: Validator, pattern: str, value: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(value, "string") and len(value) <= _PATTERN_TEXT_CHARS and not re.search(pattern, value):
        yield ValidationError(f"no match for {pattern}")


_KEYWORDS: Final = Draft202012Validator.VALIDATORS
_Validator: Final = validators.create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        **{
            keyword: _KEYWORDS[keyword]
            for keyword in (
                "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
                "maxLength", "minItems", "maxItems", "uniqueItems", "items", "required", "properties",
                "additionalProperties", "allOf", "anyOf",
            )
        },
        "oneOf": _KEYWORDS["anyOf"],  # models that write oneOf accept what fits several of the variants
        "multipleOf": _check_multiple,
        "pattern": _check_pattern,
        _UNLESS_NULL: _check_unless_null,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({
        "array": lambda _, value: isinstance(value, list | tuple),
        "object": lambda _, value: isinstance(value, Mapping),
    }),
)  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_type(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


def _is_checkable(pattern: object) -> bool:
    if not isinstance(pattern, str) or len(pattern) > _PATTERN_CHARS:
        return False
    if _QUANTIFIED_GROUP.search(pattern) or len(_UNBOUNDED.findall(pattern)) > 1:
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


_WELL_FORMED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "type": _is_type,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "const": lambda _: True,
    "minimum": _is_number,
    "maximum": _is_number,
    "exclusiveMinimum": _is_number,
    "exclusiveMaximum": _is_number,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "minLength": _is_count,
    "maxLength": _is_count,
    "pattern": _is_checkable,
    "minItems": _is_count,
    "maxItems": _is_count,
    "uniqueItems": lambda value: value is True,
}


def _sanitize(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with well-formed, known keywords only, on every level."""
    clean: dict[str, Any] = {
        key: schema[key] for key, holds in _WELL_FORMED.items() if key in schema and holds(schema[key])
    }
    required, properties, rest = schema.get("required"), schema.get("properties"), schema.get("additionalProperties")
    if isinstance(required, list):
        clean["required"] = [name for name in required if isinstance(name, str)]
    if isinstance(properties, Mapping):
        clean["properties"] = {name: _sanitize_part(part) for name, part in properties.items()}
    if rest is not None and "patternProperties" not in schema:
        clean["additionalProperties"] = _sanitize_part(rest)
    if isinstance(schema.get("items"), Mapping):
        clean["items"] = _sanitize(schema["items"])
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            clean[key] = [_sanitize_part(part) for part in schema[key]]
    return {_UNLESS_NULL: clean} if schema.get("nullable") is True else clean


def _sanitize_part(part: object) -> dict[str, Any] | bool:
    """Return a subschema; what is no schema accepts everything."""
    return _sanitize(part) if isinstance(part, Mapping) else part is not False
