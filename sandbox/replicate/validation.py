"""Validation: what is wrong with an input, in the words of the validator that Replicate uses (gojsonschema)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.replicate.answers import InvalidField

_REF = "#/components/schemas/"


def resolve(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``schema`` with its ``$ref`` and single ``allOf`` followed; its own keys win over what they lead to."""
    own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    parts = [schema] if "$ref" in schema else schema.get("allOf", [])
    found: dict[str, Any] = {}
    for part in parts:
        name = str(part.get("$ref", "")).removeprefix(_REF)
        found |= resolve(schemas.get(name, {}), schemas) if "$ref" in part else part
    return {**found, **own}


def keep_known(given: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given`` without inputs that the model does not have, with the defaults of those not given."""
    properties: Mapping[str, Any] = schemas.get("Input", {}).get("properties", {})
    resolved = {name: resolve(schema, schemas) for name, schema in properties.items()}
    defaults = {name: schema["default"] for name, schema in resolved.items() if "default" in schema}
    return defaults | {name: value for name, value in given.items() if name in properties}


def complaints(given: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[InvalidField]:
    """Return everything that ``schemas["Input"]`` has against ``given``; unknown inputs are nobody's business."""
    schema = schemas.get("Input", {})
    missing = [name for name in schema.get("required", []) if name not in given]
    found = [InvalidField("required", "input", f"{name} is required") for name in missing]
    for name, own in schema.get("properties", {}).items():
        if name in given:
            found.extend(_complain(name, given[name], resolve(own, schemas), schemas))
    return found


def _complain(
    name: str, value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str = "input"
) -> Iterator[InvalidField]:
    field = f"{path}.{name}"
    if value is None and schema.get("nullable"):
        return
    if options := [resolve(option, schemas) for option in schema.get("anyOf", [])]:
        if not any(_fits(value, option, schemas) for option in options):
            yield InvalidField("number_any_of", field, "Must validate at least one schema (anyOf)")
        return
    wanted = schema.get("type")
    if wanted and not _is(value, wanted):
        yield InvalidField("invalid_type", field, f"Invalid type. Expected: {wanted}, given: {_kind(value)}")
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"])
        yield InvalidField("enum", field, f"{name} must be one of the following: {allowed}")
    if isinstance(value, str):
        yield from _complain_of_text(field, value, schema)
    if isinstance(value, int | float):
        yield from _complain_of_number(field, value, schema)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _complain(str(index), item, resolve(schema.get("items", {}), schemas), schemas, field)


def _complain_of_text(field: str, value: str, schema: Mapping[str, Any]) -> Iterator[InvalidField]:
    if len(value) < schema.get("minLength", 0):
        yield InvalidField("string_gte", field, f"String length must be greater than or equal to {schema['minLength']}")
    if len(value) > schema.get("maxLength", len(value)):
        yield InvalidField("string_lte", field, f"String length must be less than or equal to {schema['maxLength']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield InvalidField("pattern", field, f"Does not match pattern '{schema['pattern']}'")
    if schema.get("format") == "uri" and not _is_uri(value):
        yield InvalidField("format", field, "Does not match format 'uri'")


def _complain_of_number(field: str, value: float, schema: Mapping[str, Any]) -> Iterator[InvalidField]:
    if value < schema.get("minimum", value):
        yield InvalidField("number_gte", field, f"Must be greater than or equal to {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield InvalidField("number_lte", field, f"Must be less than or equal to {schema['maximum']}")


def _fits(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    return not any(_complain("", value, schema, schemas))


def _is(value: Any, wanted: str) -> bool:
    kind = _kind(value)
    return kind == wanted or (wanted == "number" and kind == "integer")


def _kind(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", type(None): "null"}
    return kinds[type(value)]


def _is_uri(value: str) -> bool:
    try:
        return bool(urlsplit(value).scheme)
    except ValueError:
        return False
