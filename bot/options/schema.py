"""JSON Schema as models write it: references inlined, types normalized, values validated."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from bot.formatting import format_count

# A schema comes from a stranger: references may loop or multiply, and nesting may be endless. Beyond these bounds a
# part accepts anything. The largest real Input schema has a few hundred nodes.
_MAX_NODES: Final = 100_000  # each choice of an enum counts, every time the enum is referenced
_MAX_DEPTH: Final = 48

_MAPS_OF_SCHEMAS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS: Final = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_FILE_FORMATS: Final = ("uri", "url", "binary", "data-uri")

# Cog writes this description for every enum; it says nothing about the input that refers to the enum.
_ENUM_DESCRIPTION: Final = "An enumeration."
_TIGHTER: Final = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max,
    "maximum": min, "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
}  # fmt: skip


def resolve_component(openapi_schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the component schema with every reference inlined; a missing or malformed one is ``{}``."""
    inliner = _Inliner(openapi_schema)
    return inliner.inline(inliner.find(f"#/components/schemas/{name}"), (), 0)


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


def canonical_json(value: object) -> str:
    """Return a key that is equal for equal JSON values only: 1, 1.0, true and "1" have four different keys."""
    return json.dumps(value, sort_keys=True, default=repr)


class _Inliner:
    """Replaces the references in one document by their targets, within bounds."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._resolver = Registry().with_resource("", Resource.opaque(document)).resolver()
        self._nodes_left = _MAX_NODES

    def find(self, reference: object) -> Any:
        """Return the target of a local reference, or ``{}``."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return {}
        try:
            return self._resolver.lookup(reference).contents
        except (Unresolvable, TypeError, ValueError):  # the last two: the path leads through a value, not a container
            return {}

    def inline(self, node: Any, ancestors: tuple[str, ...], depth: int) -> dict[str, Any]:
        """Return the schema without references; ``ancestors`` are the references that led to it."""
        if not isinstance(node, Mapping):
            return {}
        choices = node.get("enum")
        self._nodes_left -= 1 + (len(choices) if isinstance(choices, list) else 0)
        if self._nodes_left < 0 or depth > _MAX_DEPTH:
            return {}
        own = {
            str(key): self._inline_keyword(str(key), value, ancestors, depth)
            for key, value in node.items()
            if key != "$ref"
        }
        reference = node.get("$ref")
        if not isinstance(reference, str) or reference in ancestors:
            return own
        return {**self.inline(self.find(reference), (*ancestors, reference), depth + 1), **own}

    def _inline_keyword(self, key: str, value: Any, ancestors: tuple[str, ...], depth: int) -> Any:
        """Inline the values of keywords that hold schemas; defaults and enums only look like schemas."""
        if key in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            return {str(name): self.inline(part, ancestors, depth + 1) for name, part in value.items()}
        if key in _LISTS_OF_SCHEMAS and isinstance(value, list):
            return [self.inline(part, ancestors, depth + 1) for part in value]
        if key in _SCHEMAS and isinstance(value, Mapping):
            return self.inline(value, ancestors, depth + 1)
        return value


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
            shared = {canonical_json(choice) for choice in value}
            into[key] = [choice for choice in into[key] if canonical_json(choice) in shared]
        elif key == "properties" and isinstance(into[key], dict) and isinstance(value, dict):
            into[key] = {**value, **into[key]}
        elif key == "required" and isinstance(into[key], list) and isinstance(value, list):
            into[key] = [*into[key], *(name for name in value if name not in into[key])]


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
