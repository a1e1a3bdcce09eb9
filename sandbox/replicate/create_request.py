"""Orders: what a request to create a prediction says, checked as Replicate checks it."""

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

HIDDEN_VERSION = "hidden"  # what an official model's predictions say instead of a version
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
    """A prediction that may be made. ``wait`` is in seconds, None for “do not wait”."""

    model: Model
    version: Version
    shown_version: str
    input: dict[str, Any]
    webhook: str | None
    webhook_events: tuple[str, ...] | None
    wait: int | None
    cancel_after: timedelta | None
    deployment: str | None = None


def parse_body(body: Any, *, allowed: Collection[str], required: Collection[str]) -> dict[str, Any]:
    """Return the request's body; Problem 422 names what does not belong, is missing or has the wrong type."""
    if not isinstance(body, dict):
        raise Problem(400, "JSON parse error", title="Bad request")
    wrong = [InvalidField("required", "(root)", f"{name} is required") for name in required if name not in body]
    for name, value in body.items():
        if name not in allowed:
            complaint = f"Additional property {name} is not allowed"
            wrong.append(InvalidField("additional_property_not_allowed", "(root)", complaint))
        elif not isinstance(value, _FIELD_TYPES[name][0]):
            complaint = f"Invalid type. Expected: {_FIELD_TYPES[name][1]}"
            wrong.append(InvalidField("invalid_type", name, complaint))
    wrong += _invalid_webhook_fields(body) if not wrong else []
    if wrong:
        raise invalid_input(wrong)
    return body


def find_version(text: str, catalogue: ModelCatalog) -> tuple[Model, Version, str]:
    """Return the model, its version and the version to show for ``owner/name``, ``owner/name:id`` or ``id``.

    Problem 422 for anything else: an unknown one, a word like ``:latest``, a community model without its version.
    """
    match = _VERSION_REF.fullmatch(text)
    if match is None or not text:
        raise invalid_version()
    if (id_ := match["id"]) is None:
        model = catalogue.model(match["model"])
        if model is None or not model.official:
            raise invalid_version()
        return model, model.versions[0], HIDDEN_VERSION
    found = catalogue.version(id_)
    if found is None or (match["model"] and match["model"] != found[0].full_name):
        raise invalid_version()
    return *found, id_


def require_valid_input(given: dict[str, Any], version: Version) -> None:
    """Problem 422 with ``invalid_fields`` where the version's schema refuses ``given``."""
    if wrong := validate_input(given, version.schemas):
        raise invalid_input(wrong)


def parse_wait(header: str | None) -> int | None:
    """Return the seconds that ``Prefer`` asks to wait; None where it asks for nothing that is understood."""
    preferences = [part.strip() for part in (header or "").split(",")]
    found = next((match for part in preferences if (match := _WAIT_PREFERENCE.fullmatch(part))), None)
    if found is None:
        return None
    return int(found[1]) if found[1] else int(limits.WAIT_MAX.total_seconds())


def parse_cancel_after(header: str | None) -> timedelta | None:
    """Return the span that ``Cancel-After`` gives (``90s``, ``1h30m45s``, ``30``); Problem 422 for a bad one."""
    if header is None:
        return None
    match = _DURATION.fullmatch(header.strip())
    if match is None:
        raise Problem(422, f"Cancel-After: invalid duration {header!r}", title="Invalid header")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if span < limits.CANCEL_AFTER_MIN:
        raise Problem(422, "Cancel-After: duration must be at least 5 seconds", title="Invalid header")
    return span


def _invalid_webhook_fields(body: Mapping[str, Any]) -> list[InvalidField]:
    wrong = []
    webhook = body.get("webhook")
    if webhook is not None and urlsplit(webhook).scheme not in ("http", "https"):
        wrong.append(InvalidField("format", "webhook", "Does not match format 'uri'"))
    for index, event in enumerate(body.get("webhook_events_filter") or []):
        if event not in WEBHOOK_EVENTS:
            allowed = ", ".join(f'"{name}"' for name in WEBHOOK_EVENTS)
            field = f"webhook_events_filter.{index}"
            wrong.append(InvalidField("enum", field, f"{field} must be one of the following: {allowed}"))
    return wrong
