"""Envelope: the OpenAPI document that Cog wraps a model's own schemas in."""

from collections.abc import Mapping
from typing import Any

_STATUS = {
    "enum": ["starting", "processing", "succeeded", "canceled", "failed"],
    "type": "string",
    "title": "Status",
    "description": "An enumeration.",
}
_WEBHOOK_EVENT = {
    "enum": ["start", "output", "logs", "completed"],
    "type": "string",
    "title": "WebhookEvent",
    "description": "An enumeration.",
}
_REQUEST = {
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
_RESPONSE = {
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
    """Return the document around ``schemas`` (Input, Output, enums), as ``version.openapi_schema`` has it."""
    shared = {
        "Status": _STATUS,
        "WebhookEvent": _WEBHOOK_EVENT,
        "PredictionRequest": _REQUEST,
        "PredictionResponse": _RESPONSE,
    }
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "components": {"schemas": {**shared, **schemas}},
    }
