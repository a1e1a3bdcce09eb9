"""Discord's rules for commands: its OpenAPI document, and the rules that the document omits."""

import json
import re
import unicodedata
from functools import cache
from typing import Any

import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.options.samples import DISCORD_SPEC

STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 3, 4, 5, 10, 11
BOUND = 2**53 - 1


def broken_rules(command: dict[str, Any]) -> list[str]:
    """Return what Discord would reject by the rules that its document omits."""
    options = command.get("options", [])
    problems = [f"{where}: {what}" for where, what in _texts(command)]
    if len(options) > 25:
        problems.append(f"{len(options)} options")
    if [option["required"] for option in options] != sorted((o["required"] for o in options), reverse=True):
        problems.append("a required option after an optional one")
    names = [option["name"] for option in options]
    if len(set(names)) < len(names):
        problems.append("two options of one name")
    for option in options:
        problems.extend(f"{option['name']}: {problem}" for problem in _option(option))
    if count_characters(command) > 8000:
        problems.append(f"{count_characters(command)} characters")
    return problems


def count_characters(command: dict[str, Any]) -> int:
    total = len(command["name"]) + len(command["description"])
    for option in command.get("options", []):
        total += len(option["name"]) + len(option["description"])
        total += sum(len(each["name"]) + len(str(each["value"])) for each in option.get("choices", []))
    return total


def _texts(command: dict[str, Any]) -> list[tuple[str, str]]:
    problems = []
    for part in (command, *command.get("options", [])):
        name, description = part["name"], part["description"]
        if not re.fullmatch(r"[-_'\w]{1,32}", name) or name != name.lower():
            problems.append((name, "not a legal name"))
        if any(unicodedata.category(letter)[0] not in "LN" and letter not in "-_'" for letter in name):
            problems.append((name, "a character that is no letter"))
        if not 1 <= len(description) <= 100 or not description.strip():
            problems.append((name, f"a description of {len(description)} characters"))
        if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in description):
            problems.append((name, "a description with control characters"))
    return problems


def _option(option: dict[str, Any]) -> list[str]:
    problems = []
    choices = option.get("choices", [])
    if choices and option.get("autocomplete"):
        problems.append("choices and autocomplete")
    if len(choices) > 25:
        problems.append(f"{len(choices)} choices")
    problems.extend(
        f"two choices of one {key}" for key in ("name", "value") if len({each[key] for each in choices}) < len(choices)
    )
    kinds = {STRING: str, INTEGER: int, NUMBER: int | float}
    for choice in choices:
        if not 1 <= len(choice["name"]) <= 100 or not choice["name"].strip():
            problems.append(f"a choice named {choice['name']!r}")
        if not isinstance(choice["value"], kinds[option["type"]]):
            problems.append(f"the choice {choice['value']!r}")
        too_long = isinstance(choice["value"], str) and not 1 <= len(choice["value"]) <= 100
        if too_long or (not isinstance(choice["value"], str) and abs(choice["value"]) > BOUND):
            problems.append(f"the choice {choice['value']!r}")
    problems.extend(_bounds(option))
    return problems


def _bounds(option: dict[str, Any]) -> list[str]:
    problems = []
    for low, high, types in (("min_value", "max_value", (INTEGER, NUMBER)), ("min_length", "max_length", (STRING,))):
        bounds = [option[key] for key in (low, high) if key in option]
        if bounds and option["type"] not in types:
            problems.append(f"{low} on type {option['type']}")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            problems.append(f"bounds {bounds}")
        if any(abs(bound) > BOUND for bound in bounds):
            problems.append(f"a bound past 2^53: {bounds}")
        if option["type"] == INTEGER and any(isinstance(bound, float) for bound in bounds):
            problems.append(f"a bound that is no integer: {bounds}")
    return problems


def spec_problems(command: dict[str, Any]) -> list[str]:
    """Return what violates Discord's OpenAPI document."""
    return [error.message for error in _validator().iter_errors(command)]


@cache
def _validator() -> jsonschema.Draft202012Validator:
    document = json.loads(DISCORD_SPEC.read_text("utf-8"))
    registry: Registry[Any] = Registry().with_resource("urn:discord", DRAFT202012.create_resource(document))
    schema = {"$ref": "urn:discord#/components/schemas/ApplicationCommandCreateRequest"}
    return jsonschema.Draft202012Validator(schema, registry=registry)
