"""Read a model's inputs from its OpenAPI schema. An odd schema gives an odd field, never an error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as member
from enum import StrEnum
from typing import Any, Final

from jsonschema.protocols import Validator

from bot.language import _
from bot.limits import SCHEMA_INPUTS
from bot.options.files import read_accepted_types
from bot.options.schema import (
    SchemaTooComplex,
    canonical_json,
    flatten,
    is_file_schema,
    is_in_range,
    read_input_schema,
)
from bot.options.validation import build_validator
from bot.secrets import is_secret_schema


class FieldKind(StrEnum):
    """What a field's value is, in the words people read."""

    STRING = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "on/off"
    FILE = "file"
    FILES = "files"
    STRINGS = "list of texts"
    NUMBERS = "list of numbers"
    JSON = "JSON"


Scalar = str | int | float | bool

_LISTS: Final = (FieldKind.FILES, FieldKind.STRINGS, FieldKind.NUMBERS)
_KINDS: Final = {
    "string": FieldKind.STRING,
    "integer": FieldKind.INTEGER,
    "number": FieldKind.NUMBER,
    "boolean": FieldKind.BOOLEAN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a model.

    ``name`` is the model's own key. ``minimum`` and ``maximum`` are inclusive. For a list, they, the lengths and the
    choices apply to each item, and ``integer_items`` says that the numbers are integers. ``allows_custom``: the choices
    are suggestions, other text is accepted. A ``secret`` field is never shown. ``accepts`` are patterns of file types
    (see ``bot.options.files``). ``schema`` is the model's own, with its references inlined; ``validator`` checks a
    value against it.
    """

    name: str
    kind: FieldKind
    title: str
    description: str = ""
    required: bool = False
    default: Any = None
    nullable: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    choices: tuple[Scalar, ...] = ()
    allows_custom: bool = False
    integer_items: bool = False
    order: int = 0
    deprecated: bool = False
    secret: bool = False
    accepts: tuple[str, ...] = ()
    schema: Mapping[str, Any] = member(default_factory=dict, repr=False)
    validator: Validator = member(repr=False, compare=False)

    @property
    def is_list(self) -> bool:
        return self.kind in _LISTS

    @property
    def accepts_files(self) -> bool:
        return self.kind in (FieldKind.FILE, FieldKind.FILES)


def read_fields(openapi_schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the model's inputs in the model's order (``x-order``), deprecated ones last.

    Raises SchemaTooComplex if they are too many.
    """
    schema = flatten(read_input_schema(openapi_schema))
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return ()
    if len(properties) > SCHEMA_INPUTS:
        raise SchemaTooComplex(
            _("This model has more than {count} inputs, too many for a command.").format(count=SCHEMA_INPUTS)
        )
    required = schema.get("required")
    required_names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    parts = [(name, part if isinstance(part, Mapping) else {}) for name, part in properties.items()]
    entries = [(name, part, flatten(part)) for name, part in parts]
    entries.sort(key=lambda entry: (entry[2].get("deprecated") is True, _read_order(entry[2].get("x-order"))))
    return tuple(
        _read_field(name, part, flat, order=order, required=name in required_names)
        for order, (name, part, flat) in enumerate(entries)
    )


def _read_field(name: str, schema: Mapping[str, Any], flat: Mapping[str, Any], *, order: int, required: bool) -> Field:
    kind = _read_kind(flat)
    item = flatten(flat["items"]) if kind in _LISTS and isinstance(flat.get("items"), Mapping) else flat
    minimum, maximum = _read_range(item, integer=kind is FieldKind.INTEGER or _is_integer(item))
    description = _read_text(flat.get("description"))
    choices = () if kind is FieldKind.JSON else _read_choices(item)
    return Field(
        name=name,
        kind=kind,
        title=_read_text(flat.get("title")),
        description=description,
        required=required,
        default=flat.get("default"),
        nullable=flat.get("nullable") is True,
        minimum=minimum,
        maximum=maximum,
        min_length=_read_count(item.get("minLength")),
        max_length=_read_count(item.get("maxLength")),
        min_items=_read_count(flat.get("minItems")),
        max_items=_read_count(flat.get("maxItems")),
        choices=choices,
        allows_custom=bool(choices) and "suggestions" in item,
        integer_items=kind is FieldKind.NUMBERS and _is_integer(item),
        order=order,
        deprecated=flat.get("deprecated") is True,
        secret=is_secret_schema(flat),
        accepts=read_accepted_types(item, name, description) if kind in (FieldKind.FILE, FieldKind.FILES) else (),
        schema=schema,
        validator=build_validator(schema),
    )


def _read_kind(flat: Mapping[str, Any]) -> FieldKind:
    """Return the kind by the type, or by the other keywords if there is no type."""
    name = flat.get("type")
    if name == "array":
        return _read_list_kind(flat.get("items"))
    choices = flat.get("enum")
    if isinstance(choices, list) and choices and not all(isinstance(choice, str | int | float) for choice in choices):
        return FieldKind.JSON
    if is_file_schema(flat) and (name == "string" or "format" in flat):
        return FieldKind.FILE
    if isinstance(name, str) and name in _KINDS:
        return _KINDS[name]
    return FieldKind.JSON if name is not None else _guess_kind(flat)


def _read_list_kind(items: object) -> FieldKind:
    item = flatten(items) if isinstance(items, Mapping) else {}
    kind = _read_kind(item) if item else FieldKind.JSON
    return {
        FieldKind.STRING: FieldKind.STRINGS,
        FieldKind.INTEGER: FieldKind.NUMBERS,
        FieldKind.NUMBER: FieldKind.NUMBERS,
        FieldKind.FILE: FieldKind.FILES,
    }.get(kind, FieldKind.JSON)


def _guess_kind(flat: Mapping[str, Any]) -> FieldKind:
    """Return the kind of an untyped schema; without a hint it is JSON, which accepts anything."""
    choices = flat.get("enum")
    if isinstance(choices, list) and choices:
        return _common_kind({_kind_of(choice) for choice in choices})
    if "items" in flat:
        return _read_list_kind(flat["items"])
    if not flat.keys().isdisjoint({"properties", "anyOf", "oneOf"}):
        return FieldKind.JSON
    if not flat.keys().isdisjoint({"minimum", "maximum"}):
        return FieldKind.NUMBER
    is_text = is_secret_schema(flat) or not flat.keys().isdisjoint({"minLength", "maxLength", "pattern"})
    return FieldKind.STRING if is_text else FieldKind.JSON


def _common_kind(kinds: set[FieldKind]) -> FieldKind:
    """Return one kind for choices of these kinds; any other mixture can be typed as text."""
    if kinds == {FieldKind.INTEGER, FieldKind.NUMBER}:
        return FieldKind.NUMBER
    return kinds.pop() if len(kinds) == 1 else FieldKind.STRING


def _kind_of(value: object) -> FieldKind:
    if isinstance(value, bool):
        return FieldKind.BOOLEAN
    if isinstance(value, int):
        return FieldKind.INTEGER
    return FieldKind.NUMBER if isinstance(value, float) else FieldKind.STRING


def _read_choices(flat: Mapping[str, Any]) -> tuple[Scalar, ...]:
    listed = flat.get("enum") or flat.get("suggestions")
    if not isinstance(listed, list):
        return ()
    unique = {canonical_json(choice): choice for choice in listed if isinstance(choice, str | int | float)}
    return tuple(choice for choice in unique.values() if isinstance(choice, str) or is_in_range(choice))


def _read_range(flat: Mapping[str, Any], *, integer: bool) -> tuple[int | float | None, int | float | None]:
    """Return the inclusive bounds; an empty range is ignored."""
    low, high = _read_number(flat.get("minimum")), _read_number(flat.get("maximum"))
    if integer:
        low, high = _read_integer_range(flat, low, high)
    return (None, None) if low is not None and high is not None and low > high else (low, high)


def _read_integer_range(
    flat: Mapping[str, Any], low: float | None, high: float | None
) -> tuple[int | None, int | None]:
    """Return the bounds as integers, exclusive ones made inclusive."""
    above, below = _read_number(flat.get("exclusiveMinimum")), _read_number(flat.get("exclusiveMaximum"))
    lows = [math.ceil(low)] if low is not None else []
    highs = [math.floor(high)] if high is not None else []
    lows += [math.floor(above) + 1] if above is not None else []
    highs += [math.ceil(below) - 1] if below is not None else []
    return max(lows, default=None), min(highs, default=None)


def _read_number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if is_in_range(value) else None


def _read_count(value: object) -> int | None:
    number = _read_number(value)
    return int(number) if number is not None and number >= 0 else None


def _read_order(value: object) -> float:
    """Return the input's position; inputs without one come last."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return math.inf
    number = _read_number(value)
    return math.inf if number is None else number


def _is_integer(flat: Mapping[str, Any]) -> bool:
    return flat.get("type") == "integer"


def _read_text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
