"""Model schemas: the OpenAPI document Cog writes, input validation, and what an output contains."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum, auto
from typing import Any
from urllib.parse import urlsplit

from sandbox.replicate.errors import InvalidField

Schema = Mapping[str, Any]

_REF_PREFIX = "#/components/schemas/"
_STATUS_SCHEMA = {
    "enum": ["starting", "processing", "succeeded", "canceled", "failed"],
    "type": "string",
    "title": "Status",
    "description": "An enumeration.",
}
_WEBHOOK_EVENT_SCHEMA = {
    "enum": ["start", "output", "logs", "completed"],
    "type": "string",
    "title": "WebhookEvent",
    "description": "An enumeration.",
}
_REQUEST_SCHEMA = {
    "type": "object",
    "title": "PredictionRequest",
    "properties": {
        "id": {"type": "string", "title": "Id"},
        "input": {"$ref": "#/components/schemas/Input"},
        "webhook": {"type": "string", "title": "Webhook", "format": "uri", "maxLength": 65536, "minLength": 1},
        "created_at": {"type": "string", "title": "Created At", "format": "date-time"},
        "output_file_prefix": {"type": "string", "title": "Output File Prefix"},
        "webhook_events_filter": {"type": "array", "items": {"$ref": "#/components/schemas/WebhookEvent"}},
    },
}
_RESPONSE_SCHEMA = {
    "type": "object",
    "title": "PredictionResponse",
    "properties": {
        "id": {"type": "string", "title": "Id"},
        "logs": {"type": "string", "title": "Logs", "default": ""},
        "error": {"type": "string", "title": "Error"},
        "input": {"$ref": "#/components/schemas/Input"},
        "output": {"$ref": "#/components/schemas/Output"},
        "status": {"$ref": "#/components/schemas/Status"},
        "metrics": {"type": "object", "title": "Metrics"},
        "version": {"type": "string", "title": "Version"},
        "created_at": {"type": "string", "title": "Created At", "format": "date-time"},
        "started_at": {"type": "string", "title": "Started At", "format": "date-time"},
        "completed_at": {"type": "string", "title": "Completed At", "format": "date-time"},
    },
}


def openapi_document(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document around ``schemas`` (Input, Output, enums), as in ``version.openapi_schema``."""
    shared = {
        "Status": _STATUS_SCHEMA,
        "WebhookEvent": _WEBHOOK_EVENT_SCHEMA,
        "PredictionRequest": _REQUEST_SCHEMA,
        "PredictionResponse": _RESPONSE_SCHEMA,
    }
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "components": {"schemas": {**shared, **schemas}},
    }


def resolve_refs(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``schema`` with its ``$ref`` and single ``allOf`` resolved; its own keys take precedence."""
    own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    parts = [schema] if "$ref" in schema else schema.get("allOf", [])
    resolved: dict[str, Any] = {}
    for part in parts:
        name = str(part.get("$ref", "")).removeprefix(_REF_PREFIX)
        resolved |= resolve_refs(schemas.get(name, {}), schemas) if "$ref" in part else part
    return {**resolved, **own}


def apply_defaults(values: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` without unknown inputs, and with the defaults of those that are missing."""
    properties: Mapping[str, Any] = schemas.get("Input", {}).get("properties", {})
    resolved = {name: resolve_refs(schema, schemas) for name, schema in properties.items()}
    defaults = {name: schema["default"] for name, schema in resolved.items() if "default" in schema}
    return defaults | {name: value for name, value in values.items() if name in properties}


def validate_input(values: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[InvalidField]:
    """Return what is invalid in ``values`` by ``schemas["Input"]``, worded like gojsonschema; ignore unknown inputs."""
    schema = schemas.get("Input", {})
    missing = [name for name in schema.get("required", []) if name not in values]
    invalid = [InvalidField("required", "input", f"{name} is required") for name in missing]
    for name, own in schema.get("properties", {}).items():
        if name in values:
            invalid.extend(_validate(name, values[name], resolve_refs(own, schemas), schemas))
    return invalid


def _validate(
    name: str, value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str = "input"
) -> Iterator[InvalidField]:
    field = f"{path}.{name}"
    if value is None and schema.get("nullable"):
        return
    if options := [resolve_refs(option, schemas) for option in schema.get("anyOf", [])]:
        if not any(_is_valid(value, option, schemas) for option in options):
            yield InvalidField("number_any_of", field, "Must validate at least one schema (anyOf)")
        return
    expected = schema.get("type")
    if expected and not _has_type(value, expected):
        yield InvalidField("invalid_type", field, f"Invalid type. Expected: {expected}, given: {_json_type(value)}")
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in schema["enum"])
        yield InvalidField("enum", field, f"{name} must be one of the following: {allowed}")
    if isinstance(value, str):
        yield from _validate_string(field, value, schema)
    if isinstance(value, int | float):
        yield from _validate_number(field, value, schema)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _validate(str(index), item, resolve_refs(schema.get("items", {}), schemas), schemas, field)


def _validate_string(field: str, value: str, schema: Mapping[str, Any]) -> Iterator[InvalidField]:
    if len(value) < schema.get("minLength", 0):
        yield InvalidField("string_gte", field, f"String length must be greater than or equal to {schema['minLength']}")
    if len(value) > schema.get("maxLength", len(value)):
        yield InvalidField("string_lte", field, f"String length must be less than or equal to {schema['maxLength']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield InvalidField("pattern", field, f"Does not match pattern '{schema['pattern']}'")
    if schema.get("format") == "uri" and not _is_uri(value):
        yield InvalidField("format", field, "Does not match format 'uri'")


def _validate_number(field: str, value: float, schema: Mapping[str, Any]) -> Iterator[InvalidField]:
    if value < schema.get("minimum", value):
        yield InvalidField("number_gte", field, f"Must be greater than or equal to {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield InvalidField("number_lte", field, f"Must be less than or equal to {schema['maximum']}")


def _is_valid(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    return not any(_validate("", value, schema, schemas))


def _has_type(value: Any, expected: str) -> bool:
    kind = _json_type(value)
    return kind == expected or (expected == "number" and kind == "integer")


def _json_type(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", type(None): "null"}
    return kinds[type(value)]


def _is_uri(value: str) -> bool:
    try:
        return bool(urlsplit(value).scheme)
    except ValueError:
        return False


class FileKind(StrEnum):
    """What a ``uri`` in an output refers to, guessed from names and descriptions."""

    IMAGE = auto()
    VIDEO = auto()
    AUDIO = auto()
    ARCHIVE = auto()
    TEXT = auto()
    SHAPE = auto()
    DATA = auto()


_FILE_HINTS: tuple[tuple[FileKind, tuple[str, ...]], ...] = (
    (FileKind.ARCHIVE, ("zip", "archive", "bundle")),
    (FileKind.SHAPE, ("mesh", "glb", "3d", "point cloud")),
    (FileKind.DATA, ("npz", "safetensors", "weights")),
    (FileKind.TEXT, ("srt", "vtt", "subtitle", "transcript", "txt", "caption file")),
    (FileKind.IMAGE, ("image", "photo", "picture", "mask", "upscal")),
    (FileKind.VIDEO, ("video", "film", "movie", "animat")),
    (FileKind.AUDIO, ("audio", "speech", "music", "voice", "sound", "song", "tts", "clone")),
)


def guess_file_kind(*hints: str) -> FileKind:
    """Return the kind of file that the first matching hint names; an image if none matches."""
    for hint in hints:
        for kind, words in _FILE_HINTS:
            if any(word in hint.lower() for word in words):
                return kind
    return FileKind.IMAGE


def is_iterator(schema: Schema) -> bool:
    """Return whether outputs arrive one by one."""
    return schema.get("x-cog-array-type") == "iterator"


def is_text_stream(schema: Schema) -> bool:
    """Return whether outputs are parts of one text."""
    return schema.get("x-cog-array-display") == "concatenate"


def outputs_files(schema: Schema, schemas: Schema) -> bool:
    """Return whether the output is a file or a (nested) list of files: such predictions have a file stream."""
    resolved = resolve_refs(schema, schemas)
    if resolved.get("type") == "array":
        return outputs_files(resolved.get("items", {}), schemas)
    return resolved.get("format") == "uri"
