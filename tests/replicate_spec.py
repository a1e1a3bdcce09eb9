"""Holds what went over the wire against Replicate's official OpenAPI document.

The document is not part of the project; it lies beside the checkout where there is one.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from sandbox.replicate import Call

SPEC = Path(__file__).parents[2] / "shared" / "specs" / "replicate-openapi.json"
ABSENT = f"Replicate's OpenAPI document is not beside this checkout ({SPEC.parent.parent.name}/{SPEC.parent.name})."

# Where the real service does not do what its document says (captured traffic):
_LIVELIER_THAN_THE_DOCUMENT = (
    ("urls.web is missing in many answers to a GET", ["required"], "web"),
    ("logs are null in the answer to cancelling a prediction that had not started", ["type"], "logs"),
)

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_formats.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def check_replicate_calls(calls: Iterable[Call]) -> None:
    """Fail with every call, and every answer of the stand-in, that the official document does not allow.

    Requests that were refused as invalid, and answers that a fault made, are not held against anybody. Where the
    document is absent nothing is checked.
    """
    if not SPEC.exists():
        return
    problems = [problem for call in calls if call.origin == "api" for problem in _problems(call)]
    assert not problems, "\n".join(problems)


def _problems(call: Call) -> Iterator[str]:
    operation = _operation(call)
    if operation is None:
        if call.status != 404:
            yield f"{call.target}: the document has no such operation"
        return
    if call.status not in (400, 401, 405, 422):
        yield from _request_problems(call, operation)
    if call.status and call.fault is None and call.response is not None:
        yield from _answer_problems(call, operation)


def _request_problems(call: Call, operation: dict[str, Any]) -> Iterator[str]:
    given = {"header": call.headers, "query": call.query}
    for parameter in map(_resolved, operation.get("parameters", [])):
        place = given.get(parameter["in"])
        if place is None:
            continue
        name = parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
        if name in place:
            value = int(place[name]) if parameter["schema"].get("type") == "integer" else place[name]
            yield from _complaints(f"{call.target} {name}", value, parameter["schema"])
        elif parameter.get("required"):
            yield f"{call.target}: {name} is missing"
    content = _resolved(operation.get("requestBody", {})).get("content", {})
    if "application/json" in content:
        yield from _complaints(f"{call.target} body", call.body, content["application/json"]["schema"])
    elif not content and call.body not in (None, {}):
        yield f"{call.target}: has a body and should have none"


def _answer_problems(call: Call, operation: dict[str, Any]) -> Iterator[str]:
    answer = f"{call.target} -> {call.status}"
    documented = operation["responses"].get(str(call.status))
    if documented is None:
        problem = call.status is not None and call.status >= 400
        if not (problem and isinstance(call.response, dict) and isinstance(call.response.get("detail"), str)):
            yield f"{answer}: the document has no such answer, and it is no problem+json"
        return
    schema = _resolved(documented).get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        yield from _complaints(answer, call.response, schema)


def _complaints(what: str, value: Any, schema: dict[str, Any]) -> Iterator[str]:
    validator = Draft202012Validator({**schema, "components": _document()["components"]}, format_checker=_formats)
    for error in validator.iter_errors(value):
        if not _is_known(error.validator, error.message, error.json_path):
            yield f"{what}: {error.json_path}: {error.message[:300]}"


def _is_known(keyword: object, message: str, path: str) -> bool:
    return any(
        keyword in keywords and (path.endswith(f".{name}") or message.startswith(f"'{name}' is a required"))
        for _, keywords, name in _LIVELIER_THAN_THE_DOCUMENT
    )


def _operation(call: Call) -> dict[str, Any] | None:
    path = call.path.removeprefix("/v1")
    for template, operations in _document()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and call.method.lower() in operations:
            operation: dict[str, Any] = operations[call.method.lower()]
            return operation
    return None


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: dict[str, Any] = _document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = _as_meant(json.loads(SPEC.read_text("utf-8")))
    return document


def _as_meant(node: Any) -> Any:
    """Return the document as it is meant: ``nullable`` (OpenAPI 3.0's) is null; ``oneOf`` whose parts overlap is anyOf.

    A version is ``oneOf`` “any string” and “hidden”, so “hidden” would match both.
    """
    if isinstance(node, list):
        return [_as_meant(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {"anyOf" if key == "oneOf" else key: _as_meant(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True and isinstance(inner.get("type"), str):
        inner["type"] = [inner["type"], "null"]
    return inner
