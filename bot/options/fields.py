"""Fields: what a model takes, read from its OpenAPI schema. Odd schemas give odd fields, never an error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as member
from enum import StrEnum
from typing import Any, Final

from bot.options.file_types import accepted_types
from bot.options.schema import canonical_json, flatten, is_file_schema, resolve_component
from bot.secrets import is_secret_schema


class FieldKind(StrEnum):
    """What a person gives."""

    STRING = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    BOOLEAN = "yes or no"
    FILE = "file"
    FILES = "files"
    STRINGS = "list of texts"
    NUMBERS = "list of numbers"
    JSON = "JSON"


Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a model.

    ``name`` is the model's own key. ``minimum`` and ``maximum`` are inclusive; they, the lengths and the choices are
    each item's where the field is a list. ``suggested``: the choices are a help, other text is welcome. ``whole``:
    the numbers of the list are integers. ``secret`` fields are never shown. ``accepts`` are the kinds of file that
    are taken (see ``bot.options.file_types``). ``schema`` is the model's own, with its references inlined.
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
    suggested: bool = False
    whole: bool = False
    order: int = 0
    deprecated: bool = False
    secret: bool = False
    accepts: tuple[str, ...] = ()
    schema: Mapping[str, Any] = member(default_factory=dict, repr=False)

    @property
    def listed(self) -> bool:
        """Whether the value is a list."""
        return self.kind in (FieldKind.FILES, FieldKind.STRINGS, FieldKind.NUMBERS)

    @property
    def holds_files(self) -> bool:
        """Whether a file can be attached."""
        return self.kind in (FieldKind.FILE, FieldKind.FILES)


_KINDS: Final = {
    "string": FieldKind.STRING,
    "integer": FieldKind.INTEGER,
    "number": FieldKind.NUMBER,
    "boolean": FieldKind.BOOLEAN,
}


def read_fields(openapi_schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the model's inputs in the order in which it names them, deprecated ones last."""
    schema = flatten(resolve_component(openapi_schema, "Input"))
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return ()
    required = schema.get("required")
    names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    found = [(name, part if isinstance(part, Mapping) else {}) for name, part in properties.items()]
    shapes = [(name, part, flatten(part)) for name, part in found]
    shapes.sort(key=lambda entry: (entry[2].get("deprecated") is True, _order(entry[2].get("x-order"))))
    return tuple(
        _field(name, part, shape, order=order, required=name in names)
        for order, (name, part, shape) in enumerate(shapes)
    )


def read_output_schema(openapi_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's Output schema with its references inlined; ``{}`` when it has none."""
    return resolve_component(openapi_schema, "Output")


def _field(name: str, schema: Mapping[str, Any], shape: Mapping[str, Any], *, order: int, required: bool) -> Field:
    kind = _kind(shape)
    item = flatten(shape["items"]) if kind in _LISTS and isinstance(shape.get("items"), Mapping) else shape
    minimum, maximum = _range(item, whole=kind is FieldKind.INTEGER or _whole(item))
    description = _text(shape.get("description"))
    choices = () if kind is FieldKind.JSON else _choices(item)
    return Field(
        name=name,
        kind=kind,
        title=_text(shape.get("title")),
        description=description,
        required=required,
        default=shape.get("default"),
        nullable=shape.get("nullable") is True,
        minimum=minimum,
        maximum=maximum,
        min_length=_count(item.get("minLength")),
        max_length=_count(item.get("maxLength")),
        min_items=_count(shape.get("minItems")),
        max_items=_count(shape.get("maxItems")),
        choices=choices,
        suggested=bool(choices) and "suggestions" in item,
        whole=kind is FieldKind.NUMBERS and _whole(item),
        order=order,
        deprecated=shape.get("deprecated") is True,
        secret=is_secret_schema(shape),
        accepts=accepted_types(item, name, description) if kind in (FieldKind.FILE, FieldKind.FILES) else (),
        schema=schema,
    )


_LISTS: Final = (FieldKind.FILES, FieldKind.STRINGS, FieldKind.NUMBERS)


def _kind(shape: Mapping[str, Any]) -> FieldKind:
    """Tell the kind from the type, or from the rest where the type is missing."""
    name = shape.get("type")
    if name == "array":
        return _list_kind(shape.get("items"))
    choices = shape.get("enum")
    if isinstance(choices, list) and choices and not all(isinstance(choice, str | int | float) for choice in choices):
        return FieldKind.JSON
    if is_file_schema(shape) and (name == "string" or "format" in shape):
        return FieldKind.FILE
    if isinstance(name, str) and name in _KINDS:
        return _KINDS[name]
    return FieldKind.JSON if name is not None else _guessed_kind(shape)


def _list_kind(items: object) -> FieldKind:
    item = flatten(items) if isinstance(items, Mapping) else {}
    kind = _kind(item) if item else FieldKind.JSON
    return {
        FieldKind.STRING: FieldKind.STRINGS,
        FieldKind.INTEGER: FieldKind.NUMBERS,
        FieldKind.NUMBER: FieldKind.NUMBERS,
        FieldKind.FILE: FieldKind.FILES,
    }.get(kind, FieldKind.JSON)


def _guessed_kind(shape: Mapping[str, Any]) -> FieldKind:
    """Tell the kind of an untyped schema; without a hint it takes anything."""
    choices = shape.get("enum")
    if isinstance(choices, list) and choices:
        return _common_kind({_kind_of(choice) for choice in choices})
    if "items" in shape:
        return _list_kind(shape["items"])
    if not shape.keys().isdisjoint({"properties", "anyOf", "oneOf"}):
        return FieldKind.JSON
    if not shape.keys().isdisjoint({"minimum", "maximum"}):
        return FieldKind.NUMBER
    says_text = is_secret_schema(shape) or not shape.keys().isdisjoint({"minLength", "maxLength", "pattern"})
    return FieldKind.STRING if says_text else FieldKind.JSON


def _common_kind(kinds: set[FieldKind]) -> FieldKind:
    """Return the kind for choices of these kinds; any mixture can be typed as text."""
    if kinds == {FieldKind.INTEGER, FieldKind.NUMBER}:
        return FieldKind.NUMBER
    return kinds.pop() if len(kinds) == 1 else FieldKind.STRING


def _kind_of(value: object) -> FieldKind:
    if isinstance(value, bool):
        return FieldKind.BOOLEAN
    if isinstance(value, int):
        return FieldKind.INTEGER
    return FieldKind.NUMBER if isinstance(value, float) else FieldKind.STRING


def _choices(shape: Mapping[str, Any]) -> tuple[Scalar, ...]:
    listed = shape.get("enum") or shape.get("suggestions")
    if not isinstance(listed, list):
        return ()
    kept = {canonical_json(choice): choice for choice in listed if isinstance(choice, str | int | float)}
    return tuple(choice for choice in kept.values() if not isinstance(choice, float) or math.isfinite(choice))


def _range(shape: Mapping[str, Any], *, whole: bool) -> tuple[int | float | None, int | float | None]:
    """Return the inclusive bounds; a range that holds nothing is no range."""
    low, high = _number(shape.get("minimum")), _number(shape.get("maximum"))
    if whole:
        low, high = _whole_range(shape, low, high)
    return (None, None) if low is not None and high is not None and low > high else (low, high)


def _whole_range(shape: Mapping[str, Any], low: float | None, high: float | None) -> tuple[int | None, int | None]:
    """Return the bounds as integers, with exclusive ones made inclusive."""
    above, below = _number(shape.get("exclusiveMinimum")), _number(shape.get("exclusiveMaximum"))
    lows = [math.ceil(low)] if low is not None else []
    highs = [math.floor(high)] if high is not None else []
    lows += [math.floor(above) + 1] if above is not None else []
    highs += [math.ceil(below) - 1] if below is not None else []
    return max(lows, default=None), min(highs, default=None)


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 else None


def _order(value: object) -> float:
    """Return where the input stands; without a place it comes after those with one."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return math.inf
    number = _number(value)
    return math.inf if number is None else number


def _whole(shape: Mapping[str, Any]) -> bool:
    return shape.get("type") == "integer"


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
