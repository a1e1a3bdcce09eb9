"""Values: what a person gave for one input, as what the model takes, or one sentence why not."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from bot.errors import BadOption
from bot.formatting import truncate
from bot.options.fields import Field, FieldKind, Scalar
from bot.options.options import make_choices
from bot.options.text import format_range, format_value, single_line
from bot.options.validation import find_violation

_WHOLE: Final = re.compile(r"[+-]?\d{1,400}")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?")
_YES: Final = frozenset({"true", "yes", "on", "1", "y"})
_NO: Final = frozenset({"false", "no", "off", "0", "n"})
_FILE_MARK: Final = re.compile(r"file:\d+")
_SHOWN: Final = 60  # characters of a wrong value that are said back
_CLOSEST: Final = 3
_COMPARED: Final = 2000  # choices that are compared with a misspelt one


def coerce_value(field: Field, raw: Any, option: str) -> Any:
    """Return the model's value for what was given; raises BadOption naming ``option``.

    ``raw`` is as Discord sends it, text, or a ready value from a configuration.
    """
    if raw is None or (raw == "null" and field.nullable and field.kind is not FieldKind.STRING):
        return None
    value = _READERS[field.kind](field, raw, option)
    # What our own readers do not know is still held against the model's own schema.
    wrong = None if field.holds_files else find_violation(value, field.schema)
    if wrong:
        raise BadOption(option, f"`{option}` {wrong}.")
    if _marks_file(value):
        raise BadOption(option, f"`{option}` cannot be exactly “{value}”; write it a little differently.")
    return value


def parse_url(text: Any, option: str) -> str:
    """Return an http or https address with a host; raises BadOption."""
    address = str(text).strip().removeprefix("<").removesuffix(">")
    try:
        parts = urlsplit(address)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f]", address):
        raise BadOption(option, f"`{option}` needs a web address that starts with https://; you gave {_said(text)}.")
    return address


def parse_urls(text: Any, option: str) -> list[str]:
    """Return the addresses in a text, separated by spaces, line breaks or commas before the next one."""
    if isinstance(text, list | tuple):
        return [parse_url(each, option) for each in text]
    return [parse_url(each, option) for each in re.split(r"\s+|,(?=\s*https?://)", str(text).strip()) if each]


def _said(value: Any) -> str:
    return f"“{truncate(single_line(str(value)), _SHOWN)}”"


def _marks_file(value: Any) -> bool:
    """Whether a text would be taken for the mark of an attached file further on."""
    if isinstance(value, str):
        return _FILE_MARK.fullmatch(value) is not None
    if isinstance(value, Mapping):
        return any(map(_marks_file, value.values()))
    return isinstance(value, list | tuple) and any(map(_marks_file, value))


def _read_string(field: Field, raw: Any, option: str) -> Scalar:
    if field.choices and not field.suggested:
        return _choice(field, raw, option)
    if not isinstance(raw, str | int | float):
        raise BadOption(option, f"`{option}` is a text.")
    text = str(raw)
    real = {choice.sent: choice.real for choice in make_choices(field.choices)}.get(text, text)
    _check_length(field, text, option)
    return real


def _check_length(field: Field, text: str, option: str) -> None:
    shortest, longest = field.min_length or 0, field.max_length
    if len(text) < shortest:
        raise BadOption(option, f"`{option}` needs at least {shortest} characters; you gave {len(text)}.")
    if longest is not None and len(text) > longest:
        raise BadOption(option, f"`{option}` takes at most {longest} characters; you gave {len(text)}.")


def _choice(field: Field, raw: Any, option: str) -> Scalar:
    """Return the choice that was meant: as sent by Discord, as the model writes it, or in another case."""
    choices = make_choices(field.choices)
    for choice in choices:
        if type(raw) is type(choice.real) and raw == choice.real:
            return choice.real
    text = str(int(raw)) if isinstance(raw, float) and raw.is_integer() else str(raw).strip()
    for choice in choices:
        if text in (choice.label, str(choice.real)):
            return choice.real
    lowered = text.lower()
    for choice in choices:
        if lowered in (choice.label.lower(), str(choice.real).lower()):
            return choice.real
    if isinstance(raw, int | float) and raw in field.choices:
        return raw
    raise BadOption(option, _not_a_choice([choice.label for choice in choices], text, option))


def _not_a_choice(labels: list[str], text: str, option: str) -> str:
    if len(labels) <= 10:
        return f"`{option}` is one of {', '.join(labels)}; you gave {_said(text)}."
    near = get_close_matches(text[:_SHOWN], labels[:_COMPARED], _CLOSEST, 0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else " Start typing and choose one."
    return f"`{option}` has no choice {_said(text)}.{hint}"


def _read_integer(field: Field, raw: Any, option: str) -> int:
    if field.choices:
        return int(_choice(field, raw, option))
    return int(_in_range(field, _whole_number(raw, option), option))


def _read_number(field: Field, raw: Any, option: str) -> int | float:
    if field.choices:
        chosen = _choice(field, raw, option)
        return chosen if isinstance(chosen, int | float) else float(chosen)
    return _in_range(field, _any_number(raw, option), option)


def _whole_number(raw: Any, option: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    text = str(raw).strip().replace("_", "")
    if not _WHOLE.fullmatch(text):
        raise BadOption(option, f"`{option}` is a whole number; you gave {_said(raw)}.")
    return int(text)


def _any_number(raw: Any, option: str) -> int | float:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
        return raw
    text = str(raw).strip().replace("_", "")
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadOption(option, f"`{option}` is a number such as 0.5; you gave {_said(raw)}.")
    return float(text)


def _in_range(field: Field, number: float, option: str) -> int | float:
    low, high = field.minimum, field.maximum
    if (low is None or number >= low) and (high is None or number <= high):
        return number
    if low is None or high is None:
        raise BadOption(option, f"`{option}` is {format_range(field)}; you gave {format_value(number)}.")
    raise BadOption(
        option, f"`{option}` goes from {format_value(low)} to {format_value(high)}; you gave {format_value(number)}."
    )


def _read_boolean(field: Field, raw: Any, option: str) -> bool:  # noqa: ARG001 - one signature for all readers
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise BadOption(option, f"`{option}` is True or False; you gave {_said(raw)}.")


def _read_strings(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw))
    if field.choices and not field.suggested:
        return [_choice(field, part, option) for part in parts]
    for part in parts:
        _check_length(field, str(part), option)
    return [str(part) for part in parts]


def _read_numbers(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw))
    if field.choices:
        return [_choice(field, part, option) for part in parts]
    read = _whole_number if field.whole else _any_number
    return [_in_range(field, read(part, option), option) for part in parts]


def split_list(text: str) -> list[Any]:
    """Return the parts of a list as people write it: JSON, one a line, or separated by commas (quotes hold)."""
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


def _read_json(field: Field, raw: Any, option: str) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # A text that the model takes as it is needs no quotes.
        if find_violation(raw, field.schema) is None:
            return raw
        where = f" at character {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadOption(option, f"`{option}` is not JSON{where}. Write it like {_example(field)}.") from None
    return raw if find_violation(value, field.schema) and find_violation(raw, field.schema) is None else value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _example(field: Field) -> str:
    if isinstance(field.default, dict | list) and field.default:
        return f"`{truncate(json.dumps(field.default, ensure_ascii=False), 80)}`"
    return '`["a", "b"]`' if field.schema.get("type") == "array" else '`{"key": "value"}`'


def _read_file(field: Field, raw: Any, option: str) -> Any:
    if field.kind is FieldKind.FILES:
        return parse_urls(raw, option)
    return parse_url(raw, option)


_READERS: Final[Mapping[FieldKind, Callable[[Field, Any, str], Any]]] = {
    FieldKind.STRING: _read_string,
    FieldKind.INTEGER: _read_integer,
    FieldKind.NUMBER: _read_number,
    FieldKind.BOOLEAN: _read_boolean,
    FieldKind.FILE: _read_file,
    FieldKind.FILES: _read_file,
    FieldKind.STRINGS: _read_strings,
    FieldKind.NUMBERS: _read_numbers,
    FieldKind.JSON: _read_json,
}
