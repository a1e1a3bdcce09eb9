"""JSON Schema as models write it: references inlined, types normalized.

A schema comes from a stranger, and anybody may ask for any model's. Reading one is linear in its size and bounded:
beyond the bounds of ``bot.limits``, a part accepts anything.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from bot.errors import UserError
from bot.formatting import replace_surrogates
from bot.language import _
from bot.limits import (
    OUTPUT_SCHEMA_NODES,
    OUTPUT_SCHEMA_VALUES,
    SCHEMA_DEPTH,
    SCHEMA_NAME_CHARS,
    SCHEMA_NODES,
    SCHEMA_TEXT_CHARS,
    SCHEMA_VALUE_DEPTH,
    SCHEMA_VALUES,
)

_MAPS_OF_SCHEMAS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS: Final = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_FILE_FORMATS: Final = ("uri", "url", "binary", "data-uri")
_VALUE_CHARS: Final = 50  # of a text that count as one value

# Cog writes this description for every enum; it says nothing about the input that refers to the enum.
_ENUM_DESCRIPTION: Final = "An enumeration."
_TIGHTER: Final = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max,
    "maximum": min, "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
}  # fmt: skip


class SchemaTooComplex(UserError):
    """A model's inputs are more than a command can show, or than can be read in a bounded time."""


def read_input_schema(openapi_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Input schema with every reference inlined; a missing or malformed one is ``{}``.

    Raises SchemaTooComplex beyond ``SCHEMA_NODES``.
    """
    inliner = _Inliner(openapi_schema, nodes=SCHEMA_NODES, values=SCHEMA_VALUES)
    inlined = inliner.inline_component("Input")
    if inliner.nodes_left < 0:
        raise SchemaTooComplex(_("This model's inputs are too complex for a command."))
    return inlined


def read_output_schema(openapi_schema: Mapping[str, Any]) -> dict[str, Any]:
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


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; Python counts booleans among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        return None if is_number(value) and not is_in_range(value) else value

    def _copy_container(self, value: list[Any] | Mapping[Any, Any], depth: int) -> Any:
        if depth >= SCHEMA_VALUE_DEPTH or len(value) > self._values_left:
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
        elif key in _TIGHTER and is_number(into[key]) and is_number(value):
            into[key] = _TIGHTER[key](into[key], value)
        elif key == "enum" and isinstance(into[key], list) and isinstance(value, list):
            own = {canonical_json(choice): choice for choice in into[key]}
            shared = {canonical_json(choice) for choice in value}
            into[key] = [choice for name, choice in own.items() if name in shared]
        elif key == "properties" and isinstance(into[key], dict) and isinstance(value, dict):
            into[key] = {**value, **into[key]}
        elif key == "required" and isinstance(into[key], list) and isinstance(value, list):
            into[key] = list(dict.fromkeys(name for name in (*into[key], *value) if isinstance(name, str)))


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
