"""Makes jsonschema read what Replicate's documents mean."""

from typing import Any


def for_jsonschema(openapi: dict[str, Any]) -> dict[str, Any]:
    """The Input schema with its components, ``nullable`` turned into what JSON Schema says for it."""
    document: dict[str, Any] = _with_null({"components": openapi["components"]})
    return {**document, "$ref": "#/components/schemas/Input"}


def _with_null(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_null(part) for part in node]
    if not isinstance(node, dict):
        return node
    # An empty anyOf is a quirk of real pages that no JSON Schema allows.
    schema = {key: _with_null(value) for key, value in node.items() if not (key == "anyOf" and value == [])}
    if schema.pop("nullable", None) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema
