"""Check values against a model's schema, whose references are inlined.

The schema and the values come from strangers. A check has a bound on its steps; what takes more is left to Replicate,
which refuses invalid input before it bills.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import re2
from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from bot.formatting import join_alternatives, replace_surrogates, single_line, truncate
from bot.language import _, ngettext, retranslate
from bot.limits import PATTERN_BYTES, PATTERN_CHARS, VALIDATION_STEPS
from bot.options.schema import is_in_range, is_number

_TYPES: Final[Mapping[str, str]] = {
    "string": _("text"),
    "integer": _("a whole number"),
    "number": _("a number"),
    "boolean": _("true or false"),
    "object": _("an object {…}"),
    "array": _("a list […]"),
    "null": "null",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": _("{input} must be at least {bound}."),
    "maximum": _("{input} must be at most {bound}."),
    "exclusiveMinimum": _("{input} must be more than {bound}."),
    "exclusiveMaximum": _("{input} must be less than {bound}."),
    "multipleOf": _("{input} must be a multiple of {bound}."),
}
_STEPS_OF_COMPILING: Final = 100
_PATTERN_WORK_OF_STEP: Final = 250  # letters times instructions; at worst 16 ns each
_SIZE_OF_STEP: Final = 50  # of a text, list or object that a keyword looks through
_MAX_LISTED: Final = 10  # choices that a message lists
_SHOWN_CHARS: Final = 80  # of a value in a message

# Our own keyword: the schema applies unless the value is null. OpenAPI's ``nullable`` becomes it.
_UNLESS_NULL: Final = "unlessNull"


def build_validator(schema: Mapping[str, Any]) -> Validator:
    """Return a validator for a schema whose references are inlined; ``nullable`` is honoured."""
    return _Validator(_sanitize(schema))


def find_violation(validator: Validator, value: Any, name: str = "it") -> str | None:
    """Return what is wrong with the value of this name as a sentence (“`seed` must be a number.”), or None.

    A value that takes too long to check passes: Replicate checks it again before it bills.
    """
    with shared_validation_steps() if _steps_left.get(None) is None else nullcontext():
        try:
            error = best_match(validator.iter_errors(value), key=_relevance)
        except _TooManySteps:
            return None
    if error is None:
        return None
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    # Translators: the name of an input, and the place in its JSON that is wrong: `size` (at [0].width).
    return _describe(error, _("{input} (at {path})").format(input=name, path=_show(path)) if path else name)


def _relevance(error: ValidationError) -> tuple[int, bool]:
    """Rank errors: the outermost first; a union says the least about what is wrong."""
    return -len(error.path), error.validator not in ("anyOf", "oneOf")


def _describe(error: ValidationError, name: str) -> str:
    keyword, expected, value = str(error.validator), error.validator_value, error.instance
    if keyword in _DESCRIPTIONS:
        return _DESCRIPTIONS[keyword](name, expected, value)
    if keyword == "additionalProperties" and isinstance(error.schema, Mapping):
        return _describe_extra(name, error.schema.get("properties", {}), value)
    if keyword in _BOUNDS:
        return retranslate(_BOUNDS[keyword]).format(input=name, bound=expected)
    return _("{input} isn't a value the model accepts.").format(input=name)


def _describe_type(name: str, expected: Any, _value: Any) -> str:
    kinds = [expected] if isinstance(expected, str) else expected
    return _("{input} must be {kinds}.").format(
        input=name, kinds=join_alternatives([retranslate(_TYPES[kind]) for kind in kinds])
    )


def _describe_choices(name: str, choices: "_Choices", _value: Any) -> str:
    listed = ", ".join(map(_show, choices.values[:_MAX_LISTED]))
    more = ", …" if len(choices.values) > _MAX_LISTED else ""
    return _("{input} must be one of {choices}.").format(input=name, choices=listed + more)


def _describe_missing(name: str, required: Any, value: Any) -> str:
    missing = next(key for key in required if key not in value)
    return _("{input} needs “{key}”.").format(input=name, key=_show(missing))


def _describe_extra(name: str, properties: Any, value: Any) -> str:
    extra = next(key for key in value if key not in properties)
    return _("{input} doesn't accept “{key}”.").format(input=name, key=_show(extra))


def _describe_short(name: str, limit: int, value: Any) -> str:
    return ngettext(
        "{input} must have at least {limit} character (it has {count}).",
        "{input} must have at least {limit} characters (it has {count}).",
        limit,
    ).format(input=name, limit=limit, count=len(value))


def _describe_long(name: str, limit: int, value: Any) -> str:
    return ngettext(
        "{input} must have at most {limit} character (it has {count}).",
        "{input} must have at most {limit} characters (it has {count}).",
        limit,
    ).format(input=name, limit=limit, count=len(value))


def _describe_few(name: str, limit: int, value: Any) -> str:
    return ngettext(
        "{input} needs at least {limit} item (you entered {count}).",
        "{input} needs at least {limit} items (you entered {count}).",
        limit,
    ).format(input=name, limit=limit, count=len(value))


def _describe_many(name: str, limit: int, value: Any) -> str:
    return ngettext(
        "{input} accepts at most {limit} item (you entered {count}).",
        "{input} accepts at most {limit} items (you entered {count}).",
        limit,
    ).format(input=name, limit=limit, count=len(value))


def _describe_form(name: str, _expected: Any, _value: Any) -> str:
    return _("{input} doesn't match any of the forms the model accepts.").format(input=name)


def _show(value: Any) -> str:
    """Return a value of the model's or the person's as part of a sentence."""
    return truncate(single_line(str(value)), _SHOWN_CHARS)


_DESCRIPTIONS: Final[Mapping[str, Callable[[str, Any, Any], str]]] = {
    "type": _describe_type,
    "enum": _describe_choices,
    "const": lambda name, expected, _value: _("{input} must be {value}.").format(
        input=name, value=_show(expected.values[0])
    ),
    "minLength": _describe_short,
    "maxLength": _describe_long,
    "pattern": lambda name, pattern, _value: _("{input} must match the pattern {pattern}.").format(
        input=name, pattern=_show(pattern)
    ),
    "minItems": _describe_few,
    "maxItems": _describe_many,
    "uniqueItems": lambda name, *_rest: _("{input} must not contain the same item twice.").format(input=name),
    "required": _describe_missing,
    "anyOf": _describe_form,
    "oneOf": _describe_form,
}


class _TooManySteps(Exception):
    """A value takes longer to check than is worth it."""


_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


@contextmanager
def shared_validation_steps() -> Iterator[None]:
    """Let all values that are checked in this block share one bound on the steps."""
    token = _steps_left.set([VALIDATION_STEPS])
    try:
        yield
    finally:
        _steps_left.reset(token)


Keyword = Callable[[Validator, Any, Any, Any], Iterator[ValidationError]]


def _counted(check: Keyword) -> Keyword:
    """Return the check of a keyword with its steps counted: as many as its lists are long, on both sides."""

    @wraps(check)
    def counted(validator: Validator, expected: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        sizes = (len(part) for part in (expected, value) if isinstance(part, str | list | tuple | Mapping))
        _spend(1 + sum(sizes) // _SIZE_OF_STEP)
        return check(validator, expected, value, schema)

    return counted


def _spend(steps: int) -> None:
    left = _steps_left.get()
    left[0] -= steps
    if left[0] < 0:
        raise _TooManySteps


@dataclass(frozen=True, slots=True)
class _Choices:
    """The values of an ``enum``, and keys by which equal values are found."""

    values: list[Any]
    keys: frozenset[Any]

    @classmethod
    def of(cls, values: list[Any]) -> "_Choices":
        return cls(values, frozenset(map(_equality_key, values)))


def _equality_key(value: Any) -> Any:
    """Return a key that is equal for equal values as JSON Schema sees them: 1 is 1.0, but neither True nor "1"."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list | tuple):
        return tuple(map(_equality_key, value))
    if isinstance(value, Mapping):
        return frozenset((str(name), _equality_key(part)) for name, part in value.items())
    return value


def _check_choice(_validator: Validator, choices: _Choices, value: Any, _: Any) -> Iterator[ValidationError]:
    if _equality_key(value) not in choices.keys:
        yield ValidationError("not a choice")


def _check_unique(validator: Validator, _expected: bool, value: Any, _: Any) -> Iterator[ValidationError]:  # noqa: FBT001 - jsonschema's signature
    if validator.is_type(value, "array") and len(frozenset(map(_equality_key, value))) < len(value):
        yield ValidationError("an item twice")


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


def _check_pattern(validator: Validator, pattern: Any, value: Any, _: Any) -> Iterator[ValidationError]:
    if not validator.is_type(value, "string"):
        return
    _spend(_STEPS_OF_COMPILING)
    compiled = _compile_pattern(pattern)
    if compiled is not None:
        _spend(len(value) * compiled.programsize // _PATTERN_WORK_OF_STEP)
        if not compiled.search(replace_surrogates(value)):
            yield ValidationError("no match")


def _compile_pattern(pattern: str) -> Any:
    """Return the pattern for RE2, which never backtracks and keeps the last ones that it compiled.

    None for one that RE2 does not know, such as lookarounds and back references, which need backtracking.
    """
    options = re2.Options()
    options.max_mem = PATTERN_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError):
        return None


_KEYWORDS: Final = {
    **{
        keyword: Draft202012Validator.VALIDATORS[keyword]
        for keyword in (
            "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems",
            "maxItems", "items", "required", "properties", "additionalProperties", "allOf", "anyOf",
        )
    },
    "oneOf": Draft202012Validator.VALIDATORS["anyOf"],  # models that write oneOf accept what fits several variants
    "enum": _check_choice,
    "const": _check_choice,
    "uniqueItems": _check_unique,
    "multipleOf": _check_multiple,
    "pattern": _check_pattern,
    _UNLESS_NULL: _check_unless_null,
}  # fmt: skip
_Validator: Final = validators.create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={keyword: _counted(check) for keyword, check in _KEYWORDS.items()},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({
        "array": lambda _, value: isinstance(value, list | tuple),
        "object": lambda _, value: isinstance(value, Mapping),
    }),
)  # fmt: skip


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_type(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


# What a keyword is checked with; None for a malformed one.
_PREPARED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": lambda value: value if _is_type(value) else None,
    "enum": lambda value: _Choices.of(value) if isinstance(value, list) and value else None,
    "const": lambda value: _Choices.of([value]),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        lambda value: value if is_number(value) and is_in_range(value) else None,
    ),
    "multipleOf": lambda value: value if is_number(value) and value > 0 else None,
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems"), lambda value: value if _is_count(value) else None
    ),
    "pattern": lambda value: value if isinstance(value, str) and len(value) <= PATTERN_CHARS else None,
    "uniqueItems": lambda value: True if value is True else None,
}


def _sanitize(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with well-formed, known keywords only, on every level."""
    prepared = ((key, prepare(schema[key])) for key, prepare in _PREPARED.items() if key in schema)
    clean: dict[str, Any] = {key: value for key, value in prepared if value is not None}
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
