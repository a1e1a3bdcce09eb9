"""Recorded requests against Discord's official OpenAPI document, and the rules that it does not contain.

The document is looked for beside the checkout (``../shared/specs``); without it the check skips with a reason.
Discord's prose lets attachment ids be numbers ("snowflake or number"), the document does not: prose wins.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sandbox.request_log import Call

Json = dict[str, Any]
SPEC = Path(__file__).resolve().parents[2] / "shared" / "specs" / "discord-openapi.json"
ABSENT = f"Discord's OpenAPI document is not beside the checkout ({SPEC.parent.parent.name}/{SPEC.parent.name})"
needs_spec = pytest.mark.skipif(not SPEC.exists(), reason=ABSENT)
V2 = 1 << 15
LIBRARY_HABITS = {"tts", "enforce_nonce"}  # discord.py and discord.js send them in edits too; Discord does not mind
_VALIDATORS: dict[int, tuple[Json, Any]] = {}  # by the id of the schema, which is kept with it
_MATCHED: set[tuple[str, bytes]] = set()  # references, with digests of the values that were found to match
COMMAND_NAME = re.compile(r"[-_'\w\u0900-\u097f\u0e00-\u0e7f]{1,32}")


def check_discord_calls(calls: Iterable[Call]) -> None:
    """Raise unless every recorded request is one that Discord's document and prose allow."""
    calls = tuple(calls)
    problems = [f"{call.method} {call.path}: {words}" for call in calls for words in _broken_rules(call)]
    assert not problems, "\n".join(problems)
    if not SPEC.exists():
        pytest.skip(ABSENT)
    problems = [f"{call.method} {call.path}: {words}" for call in calls for words in _spec_problems(call)]
    assert not problems, "\n".join(problems)


def check_discord_answers(calls: Iterable[Call]) -> None:
    """Raise unless every recorded good answer has the shape that Discord's document gives it."""
    problems = []
    for call in calls:
        if call.status not in {200, 201} or call.route is None:
            continue
        schema = _operation(call)["responses"][str(call.status)].get("content", {}).get("application/json")
        if schema is not None:
            problems += [
                f"{call.method} {call.path}: {words}" for words in _mismatches(schema["schema"], call.response)
            ]
    assert not problems, "\n".join(problems)


@cache
def document() -> Json:
    """Return Discord's document, with ids that may be numbers."""
    data: Json = json.loads(SPEC.read_text(encoding="utf-8"))
    snowflake = dict(data["components"]["schemas"]["SnowflakeType"])
    data["components"]["schemas"]["SnowflakeType"] = {"anyOf": [snowflake, {"type": "integer", "minimum": 0}]}
    return data


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(_rooted(document()), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:discord", resource)
    return registry


def _rooted(node: Any) -> Any:
    """Return a copy in which references name the document, so that a part of it can be used alone."""
    if isinstance(node, dict):
        return {
            key: f"urn:discord{value}" if key == "$ref" and isinstance(value, str) else _rooted(value)
            for key, value in node.items()
        }
    return [_rooted(item) for item in node] if isinstance(node, list) else node


def _operation(call: Call) -> Json:
    found: Json = document()["paths"][call.route][call.method.lower()]
    return found


def _spec_problems(call: Call) -> Iterator[str]:
    if call.route not in document()["paths"] or call.method.lower() not in document()["paths"][call.route]:
        yield "is no route of Discord"
        return
    body = _operation(call).get("requestBody")
    if body is None or (call.body is None and not body.get("required")):
        return
    schema = body["content"]["application/json"]["schema"]
    yield from _mismatches(schema, call.body)
    if isinstance(call.body, dict):
        known = set(_properties(schema))
        yield from (f"unknown field {key!r}" for key in call.body if key not in known | LIBRARY_HABITS)


def _mismatches(schema: Json, value: Any) -> Iterator[str]:
    error = best_match(_validator(schema).iter_errors(value))
    if error is not None:
        yield f"{error.json_path}: {error.message[:300]}"


def _validator(schema: Json) -> Any:
    if id(schema) not in _VALIDATORS:
        _VALIDATORS[id(schema)] = schema, _SpecValidator(_rooted(schema), registry=_registry())
    return _VALIDATORS[id(schema)][1]


def _reference(validator: Validator, reference: str, value: Any, schema: Json) -> Iterator[ValidationError]:
    """Compare a value with what a reference names, once: edits of a message repeat most of its components."""
    key = reference, hashlib.blake2b(json.dumps(value).encode(), digest_size=16).digest()
    if key in _MATCHED:
        return
    problems = list(Draft202012Validator.VALIDATORS["$ref"](validator, reference, value, schema))
    if not problems:
        _MATCHED.add(key)
    yield from problems


def _one_of(validator: Validator, branches: list[Json], value: Any, schema: Json) -> Iterator[ValidationError]:
    """Compare a value with the branches only that it can match by its type; every other one fails there anyhow.

    A component is one of twenty kinds, in a container that is one of twenty: in full, that was most of the suite's CPU.
    """
    possible = [branch for branch in branches if _can_match(branch, value)]
    yield from Draft202012Validator.VALIDATORS["oneOf"](validator, possible or branches, value, schema)


def _can_match(branch: Json, value: Any) -> bool:
    if "const" in branch:
        return bool(branch["const"] == value)
    if "$ref" not in branch or not isinstance(value, dict):
        return True
    target = document()["components"]["schemas"][branch["$ref"].rpartition("/")[2]]
    allowed = target.get("properties", {}).get("type", {}).get("enum")
    return allowed is None or value.get("type", *allowed[:1]) in allowed


_SpecValidator = extend(Draft202012Validator, {"oneOf": _one_of, "$ref": _reference})  # type: ignore[no-untyped-call]  # has no annotation


def _properties(schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        yield from _properties(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    yield from schema.get("properties", {})
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key, ()):
            yield from _properties(one)


def _broken_rules(call: Call) -> Iterator[str]:
    answer = json.dumps(call.response)
    # A fault refuses what is right, and only Discord knows which addresses it finds well formed.
    is_refused = call.code == 50035 and call.fault is None and "URL_TYPE_INVALID_URL" not in answer
    if call.status in {400, 404, 405} and (call.route is None or is_refused):
        yield f"was answered {call.status}: {answer[:500]}"
    route = call.route or ""
    if route.endswith("/commands") and call.method in {"PUT", "POST"}:
        for command in call.body if isinstance(call.body, list) else [call.body]:
            yield from _command_rules(command)
    elif route.endswith("/callback") and isinstance(call.body, dict):
        data = call.body.get("data") or {}
        yield from _modal_rules(data) if call.body.get("type") == 9 else _message_rules(data)
    elif "/messages" in route or route.endswith("{webhook_token}"):
        yield from _message_rules(call.body or {})
    if len(call.files) > 10:
        yield f"{len(call.files)} files"


def _message_rules(data: Json) -> Iterator[str]:
    if len(data.get("content") or "") > 2000:
        yield "content over 2000 characters"
    if sum(_embed_size(embed) for embed in data.get("embeds") or ()) > 6000:
        yield "embeds over 6000 characters"
    components = list(_walk(data.get("components") or ()))
    if len(components) > 40:
        yield f"{len(components)} components"
    if sum(len(one["content"]) for one in components if one["type"] == 10) > 4000:
        yield "text displays over 4000 characters"
    if (data.get("flags") or 0) & V2 and (data.get("content") or data.get("embeds")):
        yield "content or embeds beside components V2"
    ids = [one["custom_id"] for one in components if one.get("custom_id")]
    if len(ids) != len(set(ids)):
        yield "a custom id twice"


def _modal_rules(data: Json) -> Iterator[str]:
    if not 1 <= len(data.get("components") or ()) <= 5:
        yield "a modal has 1 to 5 components"


def _command_rules(command: Json) -> Iterator[str]:
    if command.get("type", 1) != 1:
        return
    if _command_size(command) > 8000:
        yield f"command {command['name']} over 8000 characters"
    for item in (command, *_options(command)):
        if not COMMAND_NAME.fullmatch(item["name"]) or item["name"] != item["name"].lower():
            yield f"name {item['name']!r}"
        if not item.get("description"):
            yield f"{item['name']} has no description"
        required = [bool(option.get("required")) for option in item.get("options") or ()]
        if required != sorted(required, reverse=True):
            yield f"{item['name']} has a required option after an optional one"


def _options(item: Json) -> Iterator[Json]:
    for option in item.get("options") or ():
        yield option
        yield from _options(option)


def _command_size(item: Json) -> int:
    own = sum(len(str(item.get(key) or "")) for key in ("name", "description", "value"))
    inside = [*(item.get("options") or ()), *(item.get("choices") or ())]
    return own + sum(_command_size(one) for one in inside)


def _embed_size(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    texts += [field[key] for field in embed.get("fields") or () for key in ("name", "value")]
    return sum(len(text or "") for text in texts)


def _walk(components: Iterable[Json]) -> Iterator[Json]:
    for one in components:
        yield one
        inside = [*(one.get("components") or ())]
        inside += [one[key] for key in ("accessory", "component") if isinstance(one.get(key), dict)]
        yield from _walk(inside)
