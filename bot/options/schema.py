"""JSON Schema as models write it: references inlined, types normalized, values validated.

A schema comes from a stranger, and anybody may ask for any model's. Reading one is linear in its size and bounded:
beyond the bounds of ``bot.limits``, a part accepts anything. Validation has a bound on its steps; what takes more is
left to Replicate, which refuses invalid input before it bills.
"""

import json
import math
import sys
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
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from bot.errors import UserError
from bot.formatting import format_count, replace_surrogates, single_line, truncate
from bot.limits import (
    KIB,
    OUTPUT_SCHEMA_NODES,
    OUTPUT_SCHEMA_VALUES,
    SCHEMA_DEPTH,
    SCHEMA_NAME_CHARS,
    SCHEMA_NODES,
    SCHEMA_TEXT_CHARS,
    SCHEMA_VALUES,
    VALIDATION_STEPS,
)

_MAPS_OF_SCHEMAS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS: Final = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_FILE_FORMATS: Final = ("uri", "url", "binary", "data-uri")
_VALUE_CHARS: Final = 50  # of a text that count as one value
_VALUE_DEPTH: Final = 16  # of a default or a choice

# Cog writes this description for every enum; it says nothing about the input that refers to the enum.
_ENUM_DESCRIPTION: Final = "An enumeration."
_TIGHTER: Final = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max,
    "maximum": min, "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
}  # fmt: skip


class SchemaTooComplex(UserError):
    """A model's inputs are more than a command can show, or than can be read in a bounded time."""


def resolve_input(openapi_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Input schema with every reference inlined; a missing or malformed one is ``{}``.

    Raises SchemaTooComplex beyond ``SCHEMA_NODES``.
    """
    inliner = _Inliner(openapi_schema, nodes=SCHEMA_NODES, values=SCHEMA_VALUES)
    inlined = inliner.inline_component("Input")
    if inliner.nodes_left < 0:
        raise SchemaTooComplex("This model's inputs are too complex for a command.")
    return inlined


def resolve_output(openapi_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Output schema with every reference inlined; beyond the bounds, its parts accept anything."""
    return _Inliner(openapi_schema, nodes=OUTPUT_SCHEMA_NODES, values=OUTPUT_SCHEMA_VALUES).inline_component("Output")


def flatten(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inlined schema as a single layer.

    ``allOf`` is merged, a null variant becomes ``nullable``, a union of one is replaced by that one, ``const`` becomes
    an ``enum``. A union that can be asked for as one value becomes that value, with ``suggestions`` where choices are
    an alternative to free text; any other union has no ``type``.
    """
    merged = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf", "const")}
    for part in _mappings(schema.get("allOf")):
        _merge(merged, flatten(part))
    if "const" in schema:
        merged.setdefault("enum", [schema["const"]])
    variants = [flatten(part) for key in ("anyOf", "oneOf") for part in _mappings(schema.get(key))]
    variants.extend(_pop_type_variants(merged))
    _replace_null_choice(merged)
    non_null = [variant for variant in variants if variant.get("type") != "null"]
    if len(non_null) < len(variants) or any(variant.get("nullable") is True for variant in non_null):
        merged["nullable"] = True
    if non_null:
        _merge(merged, non_null[0] if len(non_null) == 1 else _merge_variants(non_null))
    _infer_enum_type(merged)
    return merged


def is_file_schema(schema: Mapping[str, Any]) -> bool:
    """Return whether a flat schema describes a file, as Cog writes one."""
    return schema.get("type", "string") == "string" and schema.get("format") in _FILE_FORMATS


def is_in_range(number: float) -> bool:
    """Return whether a number is finite and within the range of floats, as every JSON reader takes it."""
    return -sys.float_info.max <= number <= sys.float_info.max


def canonical_json(value: object) -> str:
    """Return a key that is equal for equal JSON values only: 1, 1.0, true and "1" have four different keys."""
    return json.dumps(value, sort_keys=True, default=repr)


_TOO_LARGE: Final = object()


class _Inliner:
    """Copies a schema with its references replaced by their targets, within bounds.

    Each part counts every time it is referred to. Texts are cut, values that take more than is left are dropped.
    """

    def __init__(self, document: Mapping[str, Any], *, nodes: int, values: int) -> None:
        self._resolver = Registry().with_resource("", Resource.opaque(document)).resolver()
        self._targets: dict[str, Any] = {}
        self.nodes_left = nodes
        self._values_left = values

    def inline_component(self, name: str) -> dict[str, Any]:
        return self.inline(self.find(f"#/components/schemas/{name}"), (), 0)

    def find(self, reference: object) -> Any:
        """Return the target of a local reference, or ``{}``."""
        if not isinstance(reference, str) or not reference.startswith("#/") or len(reference) > SCHEMA_TEXT_CHARS:
            return {}
        if reference not in self._targets:
            try:
                self._targets[reference] = self._resolver.lookup(reference).contents
            except (Unresolvable, TypeError, ValueError):  # the last two: it leads through a value, not a container
                self._targets[reference] = {}
        return self._targets[reference]

    def inline(self, node: Any, ancestors: tuple[str, ...], depth: int) -> dict[str, Any]:
        """Return the schema without references; ``ancestors`` are the references that led to it."""
        self.nodes_left -= 1
        if not isinstance(node, Mapping) or self.nodes_left < 0 or depth > SCHEMA_DEPTH:
            return {}
        own: dict[str, Any] = {}
        for key, value in node.items():
            if key != "$ref" and self._values_left > 0:
                self._inline_keyword(own, str(key), value, ancestors, depth)
        reference = node.get("$ref")
        if not isinstance(reference, str) or reference in ancestors:
            return own
        return {**self.inline(self.find(reference), (*ancestors, reference), depth + 1), **own}

    def _inline_keyword(
        self, own: dict[str, Any], key: str, value: Any, ancestors: tuple[str, ...], depth: int
    ) -> None:
        """Add a keyword to the copy. Defaults and enums only look like schemas."""
        if key in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            own[key] = self._inline_map(value, ancestors, depth)
        elif key in _LISTS_OF_SCHEMAS and isinstance(value, list):
            own[key] = [self.inline(part, ancestors, depth + 1) for part in value[: max(self.nodes_left + 1, 0)]]
        elif key in _SCHEMAS and isinstance(value, Mapping):
            own[key] = self.inline(value, ancestors, depth + 1)
        else:
            is_text = isinstance(value, str) and key not in ("default", "const")
            copied = self._copy(value[:SCHEMA_TEXT_CHARS] if is_text else value, 0)
            # A list of choices is copied as a whole or not at all: one that is cut would refuse the other choices.
            if copied is not _TOO_LARGE:
                own[key] = copied

    def _inline_map(self, schemas: Mapping[Any, Any], ancestors: tuple[str, ...], depth: int) -> dict[str, Any]:
        inlined: dict[str, Any] = {}
        for name, part in schemas.items():
            if self.nodes_left < 0:
                break
            if len(str(name)) <= SCHEMA_NAME_CHARS:
                inlined[replace_surrogates(str(name))] = self.inline(part, ancestors, depth + 1)
            else:
                self.nodes_left -= 1
        return inlined

    def _copy(self, value: Any, depth: int) -> Any:
        """Return a copy of a JSON value, or ``_TOO_LARGE``; a number that is not finite becomes None."""
        self._values_left -= 1 + (len(value) // _VALUE_CHARS if isinstance(value, str) else 0)
        if self._values_left < 0:
            return _TOO_LARGE
        if isinstance(value, str):
            return replace_surrogates(value)
        if isinstance(value, list | Mapping):
            return self._copy_container(value, depth)
        return None if _is_number(value) and not is_in_range(value) else value

    def _copy_container(self, value: list[Any] | Mapping[Any, Any], depth: int) -> Any:
        if depth >= _VALUE_DEPTH or len(value) > self._values_left:
            return _TOO_LARGE
        names = [self._copy(str(name), depth) for name in value] if isinstance(value, Mapping) else []
        parts = [self._copy(part, depth + 1) for part in (value.values() if isinstance(value, Mapping) else value)]
        if any(part is _TOO_LARGE for part in (*names, *parts)):
            return _TOO_LARGE
        return dict(zip(names, parts, strict=True)) if isinstance(value, Mapping) else parts


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _merge(into: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add the keywords of ``part``. The outer schema's own keywords win, except that the tighter bound applies."""
    for key, value in part.items():
        if key not in into:
            if value != _ENUM_DESCRIPTION:
                into[key] = value
        elif key in _TIGHTER and _is_number(into[key]) and _is_number(value):
            into[key] = _TIGHTER[key](into[key], value)
        elif key == "enum" and isinstance(into[key], list) and isinstance(value, list):
            own = {canonical_json(choice): choice for choice in into[key]}
            shared = {canonical_json(choice) for choice in value}
            into[key] = [choice for name, choice in own.items() if name in shared]
        elif key == "properties" and isinstance(into[key], dict) and isinstance(value, dict):
            into[key] = {**value, **into[key]}
        elif key == "required" and isinstance(into[key], list) and isinstance(value, list):
            into[key] = list(dict.fromkeys(name for name in (*into[key], *value) if isinstance(name, str)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pop_type_variants(merged: dict[str, Any]) -> list[dict[str, Any]]:
    """Remove a list of types, ``"type": [..]``, and return it as the variants of a union."""
    types = merged.get("type")
    if not isinstance(types, list):
        return []
    del merged["type"]
    return [{"type": name} for name in types if isinstance(name, str)]


def _replace_null_choice(merged: dict[str, Any]) -> None:
    choices = merged.get("enum")
    if isinstance(choices, list) and None in choices:
        merged["enum"] = [choice for choice in choices if choice is not None]
        merged["nullable"] = True


def _infer_enum_type(merged: dict[str, Any]) -> None:
    choices = merged.get("enum")
    kinds = {type(choice) for choice in choices} if isinstance(choices, list) else set()
    if "type" not in merged and kinds in ({str}, {int}):
        merged["type"] = "string" if kinds == {str} else "integer"


def _merge_variants(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one schema that a person can be asked for instead of the variants, or ``{}`` if there is none."""
    if all(_has_choices(variant) for variant in variants):
        types = {variant.get("type") for variant in variants}
        joined: dict[str, Any] = {"enum": [choice for variant in variants for choice in variant["enum"]]}
        return joined | {"type": types.pop()} if len(types) == 1 else joined
    kinds = {variant.get("type") for variant in variants}
    if kinds == {"string"}:
        return _merge_strings(variants)
    if kinds == {"integer", "number"} or kinds in ({"integer"}, {"number"}, {"boolean"}):
        return {"type": "number" if "number" in kinds else kinds.pop()}
    if kinds == {"string", "array"}:
        return _merge_single_and_list(variants)
    return {}


def _has_choices(variant: Mapping[str, Any]) -> bool:
    return isinstance(variant.get("enum"), list) and bool(variant["enum"])


def _merge_strings(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the file variant if there is one, else free text with the choices as suggestions."""
    files = [variant for variant in variants if is_file_schema(variant)]
    if files:
        return files[0]
    suggestions = [choice for variant in variants if _has_choices(variant) for choice in variant["enum"]]
    return {"type": "string", "suggestions": suggestions}


def _merge_single_and_list(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the list variant if the other variants are single items of the same kind."""
    lists = [variant for variant in variants if variant.get("type") == "array"]
    singles = [variant for variant in variants if variant.get("type") == "string"]
    items = lists[0].get("items")
    if len(lists) > 1 or not isinstance(items, Mapping):
        return {}
    item = flatten(items)
    same_kind = item.get("type") == "string" and any(map(is_file_schema, singles)) == is_file_schema(item)
    return lists[0] if same_kind else {}


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
_PATTERN_CHARS: Final = 200
_PATTERN_BYTES: Final = 256 * KIB  # of a compiled pattern
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


def find_violation(validator: Validator, value: Any) -> str | None:
    """Return what is wrong with the value, to follow its name (“must be a number”), or None.

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
    return f"(at {_show(path)}) {_describe(error)}" if path else _describe(error)


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


def _describe_choices(choices: "_Choices", _: Any) -> str:
    listed = ", ".join(map(_show, choices.values[:_MAX_LISTED]))
    return f"must be one of {listed}, …" if len(choices.values) > _MAX_LISTED else f"must be one of {listed}"


def _describe_missing(required: Any, value: Any) -> str:
    return f"needs “{_show(next(name for name in required if name not in value))}”"


def _describe_extra(properties: Any, value: Any) -> str:
    return f"doesn't accept “{_show(next(name for name in value if name not in properties))}”"


def _show(value: Any) -> str:
    """Return a value of the model's or the person's as part of a sentence."""
    return truncate(single_line(str(value)), _SHOWN_CHARS)


_DESCRIPTIONS: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "type": _describe_type,
    "enum": _describe_choices,
    "const": lambda expected, _: f"must be {_show(expected.values[0])}",
    "minLength": lambda limit, value: f"must have at least {limit} characters (it has {len(value)})",
    "maxLength": lambda limit, value: f"must have at most {limit} characters (it has {len(value)})",
    "pattern": lambda pattern, _: f"must match the pattern {_show(pattern)}",
    "minItems": lambda limit, value: f"needs at least {format_count(limit, 'item')} (you entered {len(value)})",
    "maxItems": lambda limit, value: f"accepts at most {format_count(limit, 'item')} (you entered {len(value)})",
    "uniqueItems": lambda *_: "must not contain the same item twice",
    "required": _describe_missing,
    "anyOf": lambda *_: "doesn't match any of the forms the model accepts",
    "oneOf": lambda *_: "doesn't match any of the forms the model accepts",
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
    options.max_mem = _PATTERN_BYTES
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
        lambda value: value if _is_number(value) and is_in_range(value) else None,
    ),
    "multipleOf": lambda value: value if _is_number(value) and value > 0 else None,
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems"), lambda value: value if _is_count(value) else None
    ),
    "pattern": lambda value: value if isinstance(value, str) and len(value) <= _PATTERN_CHARS else None,
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
