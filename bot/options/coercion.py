"""Convert what a person entered for one input into the model's value, or raise one sentence that says why not."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from rapidfuzz import fuzz, process

from bot.errors import BadOption
from bot.formatting import clean_text, join_alternatives, single_line, truncate
from bot.language import _, ngettext
from bot.limits import VALUE_DEPTH
from bot.media.types import find_references
from bot.options.fields import Field, FieldKind, Scalar
from bot.options.options import Choice, make_choices
from bot.options.schema import is_in_range
from bot.options.text import format_range, format_value
from bot.options.validation import find_violation

_INTEGER: Final = re.compile(r"[+-]?\d{1,400}")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?")
_TRUE: Final = frozenset({"true", "yes", "on", "1", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "n"})
_QUOTED_CHARS: Final = 60  # of a wrong value that a message repeats
_EXAMPLE_CHARS: Final = 80
_CHOICES_LISTED: Final = 10  # a message lists up to so many choices
_CLOSE_MATCHES: Final = 3
_MATCH_CUTOFF: Final = 50.0  # percent of letters alike
_INTEGER_DIGITS: Final = 400  # more are out of range in any case, and Python refuses to read them


def coerce_value(field: Field, raw: Any, option: str) -> Any:
    """Return the model's value for what was entered; raise BadOption naming ``option``.

    ``raw`` is as Discord sends it, text, or a value from the configuration.
    """
    if raw is None or (raw == "null" and field.nullable and field.kind is not FieldKind.STRING):
        return None
    value = _COERCIONS[field.kind](field, _clean(raw, option), option)
    # The coercions check what a field states; the model's own schema may say more.
    violation = None if field.accepts_files else find_violation(field.validator, value, f"`{option}`")
    if violation:
        raise BadOption(option, violation)
    if find_references(value):  # it would be taken for an uploaded file when the input is sent
        shown = truncate(single_line(_show(value)), _QUOTED_CHARS)
        raise BadOption(
            option, _("`{option}` can't be exactly “{value}”. Change it slightly.").format(option=option, value=shown)
        )
    return value


def parse_url(text: Any, option: str) -> str:
    """Return an http or https address with a host; raise BadOption."""
    address = clean_text(_show(text)).strip().removeprefix("<").removesuffix(">")
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or re.search(r"[\s\x00-\x1f]", address):
        raise BadOption(
            option,
            _("`{option}` must be a web address that starts with https:// (you entered {entered}).").format(
                option=option, entered=_quote(text)
            ),
        )
    return address


def parse_urls(text: Any, option: str) -> list[str]:
    """Return the addresses in a text, separated by spaces, line breaks, or commas before the next address."""
    if isinstance(text, list | tuple):
        return [parse_url(part, option) for part in text]
    return [parse_url(part, option) for part in re.split(r"\s+|,(?=\s*https?://)", _show(text).strip()) if part]


def split_list(text: str, option: str) -> list[Any]:
    """Return the items of a list as people write it: JSON, one per line, or separated by commas (with quotes).

    Raises BadOption for JSON that no model can be sent.
    """
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            parsed = _parse_json(stripped, option)
        except ValueError:
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
    return f"“{truncate(single_line(_show(value)), _QUOTED_CHARS)}”"


def _coerce_string(field: Field, raw: Any, option: str) -> Scalar:
    if field.choices and not field.allows_custom:
        return _coerce_choice(field, raw, option)
    if not isinstance(raw, str | int | float):
        raise BadOption(option, _("`{option}` must be text.").format(option=option))
    text = str(raw)
    _check_length(field, text, option)
    if not field.choices:
        return text
    return next((choice.model_value for choice in make_choices(field.choices) if choice.value == text), text)


def _check_length(field: Field, text: str, option: str) -> None:
    shortest, longest = field.min_length or 0, field.max_length
    if len(text) < shortest:
        sentence = ngettext(
            "`{option}` must have at least {minimum} character (you entered {count}).",
            "`{option}` must have at least {minimum} characters (you entered {count}).",
            shortest,
        )
        raise BadOption(option, sentence.format(option=option, minimum=shortest, count=len(text)))
    if longest is not None and len(text) > longest:
        sentence = ngettext(
            "`{option}` must have at most {maximum} character (you entered {count}).",
            "`{option}` must have at most {maximum} characters (you entered {count}).",
            longest,
        )
        raise BadOption(option, sentence.format(option=option, maximum=longest, count=len(text)))


@dataclass(frozen=True, slots=True)
class _ChoiceIndex:
    """A field's choices by all that can stand for them, so that each of a list of many is found at once."""

    choices: tuple[Choice, ...]
    by_value: Mapping[tuple[type, Scalar], Scalar]
    by_text: Mapping[str, Scalar]
    by_lowered_text: Mapping[str, Scalar]

    @classmethod
    def of(cls, field: Field) -> "_ChoiceIndex":
        choices = make_choices(field.choices)
        by_text: dict[str, Scalar] = {}
        for choice in choices:
            by_text.setdefault(choice.label, choice.model_value)
            by_text.setdefault(str(choice.model_value), choice.model_value)
        lowered: dict[str, Scalar] = {}
        for text, value in by_text.items():
            lowered.setdefault(text.lower(), value)
        values = {(type(value), value): value for value in field.choices}
        return cls(choices, values, by_text, lowered)

    def find(self, raw: Any, option: str) -> Scalar:
        """Return the choice that is meant: as Discord sends it, as the model writes it, or in a different case."""
        if isinstance(raw, str | int | float):
            if (type(raw), raw) in self.by_value:
                return raw
            text = str(int(raw)) if isinstance(raw, float) and raw.is_integer() else str(raw).strip()
        else:
            text = _show(raw)
        if text in self.by_text:
            return self.by_text[text]
        if text.lower() in self.by_lowered_text:
            return self.by_lowered_text[text.lower()]
        if isinstance(raw, int | float) and any((kind, raw) in self.by_value for kind in (int, float, bool)):
            return raw
        raise BadOption(option, _no_such_choice([choice.label for choice in self.choices], text, option))


def _coerce_choice(field: Field, raw: Any, option: str) -> Scalar:
    return _ChoiceIndex.of(field).find(raw, option)


def _no_such_choice(labels: list[str], text: str, option: str) -> str:
    if len(labels) <= _CHOICES_LISTED:
        return _("`{option}` must be one of {choices} (you entered {entered}).").format(
            option=option, choices=", ".join(labels), entered=_quote(text)
        )
    found = process.extract(
        text[:_QUOTED_CHARS], labels, scorer=fuzz.ratio, score_cutoff=_MATCH_CUTOFF, limit=_CLOSE_MATCHES
    )
    near = [label for label, *_rest in found]
    if not near:
        return _("`{option}` has no choice {entered}. Start typing and pick one from the list.").format(
            option=option, entered=_quote(text)
        )
    return _("`{option}` has no choice {entered}. Did you mean {choices}?").format(
        option=option, entered=_quote(text), choices=join_alternatives(near)
    )


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
        return _require_range(raw, option)
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    text = _show(raw).strip().replace("_", "")
    if not _INTEGER.fullmatch(text):
        raise BadOption(
            option,
            _("`{option}` must be a whole number (you entered {entered}).").format(option=option, entered=_quote(raw)),
        )
    return _require_range(int(text), option)


def _parse_number(raw: Any, option: str) -> int | float:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return _require_range(raw, option)
    if isinstance(raw, float) and math.isfinite(raw):
        return raw
    text = _show(raw).strip().replace("_", "")
    if _INTEGER.fullmatch(text):
        return _require_range(int(text), option)
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadOption(
            option,
            _("`{option}` must be a number, such as 0.5 (you entered {entered}).").format(
                option=option, entered=_quote(raw)
            ),
        )
    return float(text)


def _require_range(number: int, option: str) -> int:
    if not is_in_range(number):
        _refuse_number(option)
    return number


def _refuse_number(option: str) -> NoReturn:
    raise BadOption(option, _("`{option}` has a number that is too large. Use a smaller one.").format(option=option))


def _check_range(field: Field, number: float, option: str) -> int | float:
    low, high = field.minimum, field.maximum
    if (low is None or number >= low) and (high is None or number <= high):
        return number
    # Translators: {range} is "1–20", "at least 1", "at most 20".
    raise BadOption(
        option,
        _("`{option}` must be {range} (you entered {entered}).").format(
            option=option, range=format_range(field), entered=format_value(number)
        ),
    )


def _coerce_boolean(_field: Field, raw: Any, option: str) -> bool:
    if isinstance(raw, bool):
        return raw
    word = _show(raw).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise BadOption(
        option, _("`{option}` must be on or off (you entered {entered}).").format(option=option, entered=_quote(raw))
    )


def _coerce_strings(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw), option)
    if field.choices and not field.allows_custom:
        return _coerce_choices(field, parts, option)
    texts = [str(part) for part in parts if isinstance(part, str | int | float)]
    if len(texts) < len(parts):
        raise BadOption(option, _("`{option}` must be a list of texts.").format(option=option))
    for text in texts:
        _check_length(field, text, option)
    return list(texts)


def _coerce_choices(field: Field, parts: Sequence[Any], option: str) -> list[Scalar]:
    index = _ChoiceIndex.of(field)
    return [index.find(part, option) for part in parts]


def _coerce_numbers(field: Field, raw: Any, option: str) -> list[Scalar]:
    parts = list(raw) if isinstance(raw, list | tuple) else split_list(str(raw), option)
    if field.choices:
        return _coerce_choices(field, parts, option)
    parse = _parse_integer if field.integer_items else _parse_number
    return [_check_range(field, parse(part, option), option) for part in parts]


def _coerce_json(field: Field, raw: Any, option: str) -> Any:
    if not isinstance(raw, str):
        return raw
    # Text that the model accepts as it is needs no quotes.
    is_accepted_text = find_violation(field.validator, raw) is None
    try:
        value = _parse_json(raw, option)
    except ValueError as error:
        if is_accepted_text:
            return raw
        values = {"option": option, "example": _json_example(field)}
        if not isinstance(error, json.JSONDecodeError):
            raise BadOption(option, _("`{option}` must be valid JSON, like {example}.").format(**values)) from None
        raise BadOption(
            option,
            _("`{option}` must be valid JSON, like {example} (error at character {position}).").format(
                **values, position=error.colno
            ),
        ) from None
    return raw if is_accepted_text and find_violation(field.validator, value) else value


def _parse_json(text: str, option: str) -> Any:
    """Return the JSON value; raise ValueError if it is malformed, BadOption if no model can be sent it."""

    def parse_float(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else _refuse_number(option)

    def parse_int(digits: str) -> int:
        return _require_range(int(digits), option) if len(digits) <= _INTEGER_DIGITS else _refuse_number(option)

    try:
        value = json.loads(text, parse_float=parse_float, parse_int=parse_int, parse_constant=_reject_constant)
    except RecursionError:
        _refuse_depth(option)
    return _clean(value, option)


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refuse_depth(option: str) -> NoReturn:
    raise BadOption(
        option,
        _("`{option}` has more than {count} lists or objects inside each other. Use fewer.").format(
            option=option, count=VALUE_DEPTH
        ),
    )


def _clean(value: Any, option: str, depth: int = 0) -> Any:
    """Return a JSON value that everything between here and the model accepts; raise BadOption if there is none.

    A value can come from a person, a command's defaults or an earlier run.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_in_range(value):
        _refuse_number(option)
    if not isinstance(value, list | tuple | Mapping):
        return value
    if depth >= VALUE_DEPTH:
        _refuse_depth(option)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): _clean(part, option, depth + 1) for name, part in value.items()}
    return [_clean(part, option, depth + 1) for part in value]


def _show(value: Any) -> str:
    """Return a value as text; of a list or an object only its kind, because it can be nested without end."""
    if isinstance(value, list | tuple):
        return "[…]"
    return "{…}" if isinstance(value, Mapping) else str(value)


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
