"""Schemas: JSON Schema as models write it, made plain enough to read."""

import json
from collections.abc import Mapping
from typing import Any, Final

# A schema comes from a stranger: references may loop or multiply, and nesting may be endless. Past these bounds a
# part reads as “anything”. The largest real Input schema has a few hundred nodes.
_NODES: Final = 100_000  # a choice counts as one, as often as it is referred to
_DEPTH: Final = 48

_SCHEMAS_BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS: Final = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})

# What is said of the enum that a choice refers to, not of the input; Cog writes it everywhere.
_NOISE: Final = "An enumeration."
_TIGHTEST: Final = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max,
    "maximum": min, "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
}  # fmt: skip


def resolve_component(openapi_schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the component schema with every reference inlined; what is missing or odd reads as ``{}``."""
    inliner = _Inliner(openapi_schema)
    return inliner.schema(inliner.find(f"#/components/schemas/{name}"), (), 0)


def flatten(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inlined schema as one layer.

    ``allOf`` is merged, a null variant became ``nullable``, a union of one is that one, ``const`` is an ``enum``.
    A union that a person can be asked for as one thing became that thing, with ``suggestions`` where a choice
    stands beside free text; any other union is left without a ``type``.
    """
    merged = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf", "const")}
    for part in _mappings(schema.get("allOf")):
        _merge(merged, flatten(part))
    if "const" in schema:
        merged.setdefault("enum", [schema["const"]])
    variants = [flatten(part) for key in ("anyOf", "oneOf") for part in _mappings(schema.get(key))]
    variants.extend(_types_as_variants(merged))
    _drop_null_choice(merged)
    real = [variant for variant in variants if variant.get("type") != "null"]
    if len(real) < len(variants) or any(variant.get("nullable") is True for variant in real):
        merged["nullable"] = True
    if real:
        _merge(merged, real[0] if len(real) == 1 else _union(real))
    _name_type(merged)
    return merged


class _Inliner:
    """Replaces references within one document by what they point at, within bounds."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes_left = _NODES

    def find(self, pointer: object) -> Any:
        """Return what a local reference points at, or ``{}``."""
        if not isinstance(pointer, str) or not pointer.startswith("#/"):
            return {}
        node: Any = self._root
        for step in pointer[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or key not in node:
                return {}
            node = node[key]
        return node

    def schema(self, node: Any, within: tuple[str, ...], depth: int) -> dict[str, Any]:
        """Return the schema without references; ``within`` are the references that led here."""
        if not isinstance(node, Mapping):
            return {}
        choices = node.get("enum")
        self._nodes_left -= 1 + (len(choices) if isinstance(choices, list) else 0)
        if self._nodes_left < 0 or depth > _DEPTH:
            return {}
        own = {str(key): self._part(str(key), value, within, depth) for key, value in node.items() if key != "$ref"}
        pointer = node.get("$ref")
        if not isinstance(pointer, str) or pointer in within:
            return own
        return {**self.schema(self.find(pointer), (*within, pointer), depth + 1), **own}

    def _part(self, key: str, value: Any, within: tuple[str, ...], depth: int) -> Any:
        """Inline the values of those keys that hold schemas; defaults and enums may look like schemas and are not."""
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            return {str(name): self.schema(each, within, depth + 1) for name, each in value.items()}
        if key in _LISTS_OF_SCHEMAS and isinstance(value, list):
            return [self.schema(each, within, depth + 1) for each in value]
        if key in _SCHEMAS and isinstance(value, Mapping):
            return self.schema(value, within, depth + 1)
        return value


def canonical_json(value: object) -> str:
    """Return a text that is the same for the same JSON value only: 1, 1.0, true and "1" are four."""
    return json.dumps(value, sort_keys=True, default=repr)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _merge(into: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add what ``part`` says. What the outer schema says of itself wins; of two bounds the tighter one holds."""
    for key, value in part.items():
        if key not in into:
            if value != _NOISE:
                into[key] = value
        elif key in _TIGHTEST and _is_number(into[key]) and _is_number(value):
            into[key] = _TIGHTEST[key](into[key], value)
        elif key == "enum" and isinstance(into[key], list) and isinstance(value, list):
            shared = {canonical_json(choice) for choice in value}
            into[key] = [choice for choice in into[key] if canonical_json(choice) in shared]
        elif key == "properties" and isinstance(into[key], dict) and isinstance(value, dict):
            into[key] = {**value, **into[key]}
        elif key == "required" and isinstance(into[key], list) and isinstance(value, list):
            into[key] = [*into[key], *(name for name in value if name not in into[key])]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _types_as_variants(merged: dict[str, Any]) -> list[dict[str, Any]]:
    """Read JSON Schema's ``"type": [..]`` as a union."""
    types = merged.get("type")
    if not isinstance(types, list):
        return []
    del merged["type"]
    return [{"type": name} for name in types if isinstance(name, str)]


def _drop_null_choice(merged: dict[str, Any]) -> None:
    choices = merged.get("enum")
    if isinstance(choices, list) and None in choices:
        merged["enum"] = [choice for choice in choices if choice is not None]
        merged["nullable"] = True


def _name_type(merged: dict[str, Any]) -> None:
    """Give choices of one kind the type that they did not care to name."""
    choices = merged.get("enum")
    kinds = {type(choice) for choice in choices} if isinstance(choices, list) else set()
    if "type" not in merged and kinds in ({str}, {int}):
        merged["type"] = "string" if kinds == {str} else "integer"


def is_file_schema(schema: Mapping[str, Any]) -> bool:
    """Whether this is how Cog writes a file."""
    return schema.get("type", "string") == "string" and schema.get("format") in ("uri", "url", "binary", "data-uri")


def _union(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one thing that a person can be asked for instead of these, or ``{}`` when there is none."""
    if all(_has_choices(variant) for variant in variants):
        types = {variant.get("type") for variant in variants}
        joined: dict[str, Any] = {"enum": [choice for variant in variants for choice in variant["enum"]]}
        return joined | {"type": types.pop()} if len(types) == 1 else joined
    kinds = {variant.get("type") for variant in variants}
    if kinds == {"string"}:
        return _strings(variants)
    if kinds == {"integer", "number"} or kinds in ({"integer"}, {"number"}, {"boolean"}):
        return {"type": "number" if "number" in kinds else kinds.pop()}
    if kinds == {"string", "array"}:
        return _one_or_many(variants)
    return {}


def _has_choices(variant: Mapping[str, Any]) -> bool:
    return isinstance(variant.get("enum"), list) and bool(variant["enum"])


def _strings(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a file where one of them is a file, else free text with the choices as suggestions."""
    files = [variant for variant in variants if is_file_schema(variant)]
    if files:
        return files[0]
    suggestions = [choice for variant in variants if _has_choices(variant) for choice in variant["enum"]]
    return {"type": "string", "suggestions": suggestions}


def _one_or_many(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the list, where the others are one of the same."""
    lists = [variant for variant in variants if variant.get("type") == "array"]
    singles = [variant for variant in variants if variant.get("type") == "string"]
    items = lists[0].get("items")
    if len(lists) > 1 or not isinstance(items, Mapping):
        return {}
    item = flatten(items)
    alike = item.get("type") == "string" and any(is_file_schema(single) for single in singles) == is_file_schema(item)
    return lists[0] if alike else {}
