"""The request to create a prediction, parsed and validated as Replicate does."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from bot import limits
from sandbox.replicate.catalog import Model, ModelCatalog, Version
from sandbox.replicate.errors import InvalidField, Problem, invalid_input, invalid_version
from sandbox.replicate.schema import validate_input

HIDDEN_VERSION = "hidden"  # an official model's predictions show this instead of a version
WEBHOOK_EVENTS = ("start", "output", "logs", "completed")

_FIELD_TYPES: Mapping[str, tuple[type, str]] = {
    "version": (str, "string"),
    "input": (dict, "object"),
    "webhook": (str, "string"),
    "webhook_events_filter": (list, "array"),
    "stream": (bool, "boolean"),
}
_WAIT_PREFERENCE = re.compile(r"wait(?:=([1-9]|[1-5][0-9]|60))?")
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_VERSION_REF = re.compile(r"(?:(?P<model>[^/:\s]+/[^/:\s]+))?(?::?(?P<id>[0-9a-f]{64}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """A valid request. ``wait`` is in seconds, None if the client does not wait."""

    model: Model
    version: Version
    displayed_version: str
    input: dict[str, Any]
    webhook: str | None
    webhook_events: tuple[str, ...] | None
    wait: int | None
    cancel_after: timedelta | None
    deployment: str | None = None


def parse_body(body: Any, *, allowed: Collection[str], required: Collection[str]) -> dict[str, Any]:
    """Return the request's body; raise a 422 that names the fields that are unknown, missing or of the wrong type."""
    if not isinstance(body, dict):
        raise Problem(400, "JSON parse error", title="Bad request")
    invalid = [InvalidField("required", "(root)", f"{name} is required") for name in required if name not in body]
    for name, value in body.items():
        if name not in allowed:
            description = f"Additional property {name} is not allowed"
            invalid.append(InvalidField("additional_property_not_allowed", "(root)", description))
        elif not isinstance(value, _FIELD_TYPES[name][0]):
            description = f"Invalid type. Expected: {_FIELD_TYPES[name][1]}"
            invalid.append(InvalidField("invalid_type", name, description))
    invalid += _invalid_webhook_fields(body) if not invalid else []
    if invalid:
        raise invalid_input(invalid)
    return body


def find_version(text: str, catalog: ModelCatalog) -> tuple[Model, Version, str]:
    """Return the model, its version and the version to display for ``owner/name``, ``owner/name:id`` or ``id``.

    Raise a 422 for anything else: an unknown version, a tag like ``:latest``, a community model without a version.
    """
    match = _VERSION_REF.fullmatch(text)
    if match is None or not text:
        raise invalid_version()
    if (id_ := match["id"]) is None:
        model = catalog.find_model(match["model"])
        if model is None or not model.official:
            raise invalid_version()
        return model, model.versions[0], HIDDEN_VERSION
    found = catalog.find_version(id_)
    if found is None or (match["model"] and match["model"] != found[0].full_name):
        raise invalid_version()
    return *found, id_


def require_valid_input(values: dict[str, Any], version: Version) -> None:
    """Raise a 422 with ``invalid_fields`` if ``values`` do not match the version's schema."""
    if invalid := validate_input(values, version.schemas):
        raise invalid_input(invalid)


def parse_wait(header: str | None) -> int | None:
    """Return the seconds to wait that ``Prefer`` requests, or None if it requests no valid wait."""
    preferences = [part.strip() for part in (header or "").split(",")]
    found = next((match for part in preferences if (match := _WAIT_PREFERENCE.fullmatch(part))), None)
    if found is None:
        return None
    return int(found[1]) if found[1] else int(limits.WAIT_MAX.total_seconds())


def parse_cancel_after(header: str | None) -> timedelta | None:
    """Return the duration in ``Cancel-After`` (``90s``, ``1h30m45s``, ``30``); raise a 422 if it is invalid."""
    if header is None:
        return None
    match = _DURATION.fullmatch(header.strip())
    if match is None:
        raise Problem(422, f"Cancel-After: invalid duration {header!r}", title="Invalid header")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if duration < limits.CANCEL_AFTER_MIN:
        raise Problem(422, "Cancel-After: duration must be at least 5 seconds", title="Invalid header")
    return duration


def _invalid_webhook_fields(body: Mapping[str, Any]) -> list[InvalidField]:
    invalid = []
    webhook = body.get("webhook")
    if webhook is not None and urlsplit(webhook).scheme not in ("http", "https"):
        invalid.append(InvalidField("format", "webhook", "Does not match format 'uri'"))
    for index, event in enumerate(body.get("webhook_events_filter") or []):
        if event not in WEBHOOK_EVENTS:
            allowed = ", ".join(f'"{name}"' for name in WEBHOOK_EVENTS)
            field = f"webhook_events_filter.{index}"
            invalid.append(InvalidField("enum", field, f"{field} must be one of the following: {allowed}"))
    return invalid
