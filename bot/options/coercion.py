"""Convert what a person entered for one input into the model's value, or raise one sentence that says why not."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.media.types import find_references
from bot.options.fields import Field, FieldKind, Scalar
from bot.options.options import make_choices
from bot.options.schema import find_violation
from bot.options.text import format_range, format_value

_INTEGER: Final = re.compile(r"[+-]?\d{1,400}")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?")
_TRUE: Final = frozenset({"true", "yes", "on", "1", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "n"})
_QUOTED_CHARS: Final = 60  # of a wrong value that a message repeats
_EXAMPLE_CHARS: Final = 80
_CHOICES_LISTED: Final = 10  # a message lists up to so many choices
_CLOSE_MATCHES: Final = 3
_COMPARED_CHOICES: Final = 2000  # that are compared with a misspelt one
_MATCH_CUTOFF: Final = 0.5  # difflib's ratio


def coerce_value(field: Field, raw: Any, option: str) -> Any:
    """Return the model's value for what was entered; raise BadOption naming ``option``.

    ``raw`` is as Discord sends it, text, or a value from the configuration.
    """
    if raw is None or (raw == "null" and field.nullable and field.kind is not FieldKind.STRING):
        return None
    value = _COERCIONS[field.kind](field, raw, option)
    # The coercions check what a field states; the model's own schema may say more.
    violation = None if field.accepts_files else find_violation(field.validator, value)
    if violation:
        raise BadOption(option, f"`{option}` {violation}.")
    if find_references(value):  # it would be taken for an uploaded file when the input is sent
        raise BadOption(option, f"`{option}` can't be exactly “{value}”. Change it slightly.")
    return value


def parse_url(text: Any, option: str) -> str:
    """Return an http or https address with a host; raise BadOption."""
    address = str(text).strip().removeprefix("<").removesuffix(">")
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or re.search(r"[\s\x00-\x1f]", address):
        raise BadOption(
            option, f"`{option}` must be a web address that starts with https:// (you entered {_quote(text)})."
        )
    return address


def parse_urls(text: Any, option: str) -> list[str]:
    """Return the addresses in a text, separated by spaces, line breaks, or commas before the next address."""
    if isinstance(text, list | tuple):
        return [parse_url(part, option) for part in text]
    return [parse_url(part, option) for part in re.split(r"\s+|,(?=\s*https?://)", str(text).strip()) if part]


def split_list(text: str) -> list[Any]:
    """Return the items of a list as people write it: JSON, one per line, or separated by commas (with quotes)."""
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            parsed = json.loads(stripped)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, list):
            return parsed
    if re.search(r"[\r\n]", stripped):
        return [line.strip() for line in re.split(r"[\r\n]+", stripped) if line.strip()]
    try:
        row = next(csv.reader([stripped], skipinitialspace=True), [])
    except csv.Error:
        row = stripped.split(",")
    return [part.strip() for part in row if part.strip()]


def _quote(value: Any) -> str:
    return f"“{truncate(single_line(str(value)), _QUOTED_CHARS)}”"


def _coerce_string(field: Field, raw: Any, option: str) -> Scalar:
    if field.choices and not field.allows_custom:
        return _coerce_choice(field, raw, option)
    if not isinstance(raw, str | int | float):
        raise BadOption(option, f"`{option}` must be text.")
    text = str(raw)
    _check_length(field, text, option)
    if not field.choices:
        return text
    return {choice.value: choice.model_value for choice in make_choices(field.choices)}.get(text, text)


def _check_length(field: Field, text: str, option: str) -> None:
    shortest, longest = field.min_length or 0, field.max_length
    if len(text) < shortest:
        raise BadOption(option, f"`{option}` must have at least {shortest} characters (you entered {len(text)}).")
    if longest is not None and len(text) > longest:
        raise BadOption(option, f"`{option}` must have at most {longest} characters (you entered {len(text)}).")


def _coerce_choice(field: Field, raw: Any, option: str) -> Scalar:
    """Return the choice that is meant: as Discord sends it, as the model writes it, or in a different case."""
    choices = make_choices(field.choices)
    for choice in choices:
        if type(raw) is type(choice.model_value) and raw == choice.model_value:
            return choice.model_value
    text = str(int(raw)) if isinstance(raw, float) and raw.is_integer() else str(raw).strip()
    for choice in choices:
        if text in (choice.label, str(choice.model_value)):
            return choice.model_value
    lowered = text.lower()
    for choice in choices:
        if lowered in (choice.label.lower(), str(choice.model_value).lower()):
            return choice.model_value
    if isinstance(raw, int | float) and raw in field.choices:
        return raw
    raise BadOption(option, _no_such_choice([choice.label for choice in choices], text, option))


def _no_such_choice(labels: list[str], text: str, option: str) -> str:
    if len(labels) <= _CHOICES_LISTED:
        return f"`{option}` must be one of {', '.join(labels)} (you entered {_quote(text)})."
    near = get_close_matches(text[:_QUOTED_CHARS], labels[:_COMPARED_CHOICES], _CLOSE_MATCHES, _MATCH_CUTOFF)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Start typing and pick one from the list."
    return f"`{option}` has no choice {_quote(text)}. {hint}"


def _coerce_integer(field: Field, raw: Any, option: str) -> int:
    if field.choices:
        return int(_coerce_choice(field, raw, option))
    return int(_check_range(field, _parse_integer(raw, option), option))


def _coerce_number(field: Field, raw: Any, option: str) -> int | float:
    if field.choices:
        choice = _coerce_choice(field, raw, option)
        return choice if isinstance(choice, int | float) else float(choice)
    return _check_range(field, _parse_number(raw, option), option)


def _parse_integer(raw: Any, option: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    text = str(raw).strip().replace("_", "")
    if not _INTEGER.fullmatch(text):
        raise BadOption(option, f"`{option}` must be a whole number (you entered {_quote(raw)}).")
    return int(text)


def _parse_number(raw: Any, option: str) -> int | float:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
        return raw
    text = str(raw).strip().replace("_", "")
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadOption(option, f"`{option}` must be a number, such as 0.5 (you entered {_quote(raw)}).")
    return float(text)


def _check_range(field: Field, number: float, option: str) -> int | float:
    low, high = field.minimum, field.maximum
    if (low is None or number >= low) and (high is None or number <= high):
        return number
    raise BadOption(option, f"`{option}` must be {format_range(field)} (you entered {format_value(number)}).")


def _coerce_boolean(_: Field, raw: Any, option: str) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise BadOption(option, f"`{option}` must be on or off (you entered {_quote(raw)}).")


def _coerce_strings(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw))
    if field.choices and not field.allows_custom:
        return [_coerce_choice(field, part, option) for part in parts]
    for part in parts:
        _check_length(field, str(part), option)
    return [str(part) for part in parts]


def _coerce_numbers(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw))
    if field.choices:
        return [_coerce_choice(field, part, option) for part in parts]
    parse = _parse_integer if field.integer_items else _parse_number
    return [_check_range(field, parse(part, option), option) for part in parts]


def _coerce_json(field: Field, raw: Any, option: str) -> Any:
    if not isinstance(raw, str):
        return raw
    # Text that the model accepts as it is needs no quotes.
    is_accepted_text = find_violation(field.validator, raw) is None
    try:
        value = json.loads(raw, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        if is_accepted_text:
            return raw
        position = f" (error at character {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadOption(option, f"`{option}` must be valid JSON, like {_json_example(field)}{position}.") from None
    return raw if is_accepted_text and find_violation(field.validator, value) else value


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_example(field: Field) -> str:
    if isinstance(field.default, dict | list) and field.default:
        return f"`{truncate(json.dumps(field.default, ensure_ascii=False), _EXAMPLE_CHARS)}`"
    return '`["a", "b"]`' if field.schema.get("type") == "array" else '`{"key": "value"}`'


def _coerce_file(field: Field, raw: Any, option: str) -> Any:
    return parse_urls(raw, option) if field.kind is FieldKind.FILES else parse_url(raw, option)


_COERCIONS: Final[Mapping[FieldKind, Callable[[Field, Any, str], Any]]] = {
    FieldKind.STRING: _coerce_string,
    FieldKind.INTEGER: _coerce_integer,
    FieldKind.NUMBER: _coerce_number,
    FieldKind.BOOLEAN: _coerce_boolean,
    FieldKind.FILE: _coerce_file,
    FieldKind.FILES: _coerce_file,
    FieldKind.STRINGS: _coerce_strings,
    FieldKind.NUMBERS: _coerce_numbers,
    FieldKind.JSON: _coerce_json,
}
