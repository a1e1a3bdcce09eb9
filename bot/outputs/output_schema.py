"""What a model's output schema says about its values. Pure; any JSON is accepted as a schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from bot.formatting import join_alternatives
from bot.language import _, retranslate

MEDIA_TYPE: Final = "contentMediaType"
"""The keyword for the kind of a file, such as "image/*" (JSON Schema 2020-12, validation, 8.4)."""

_MAX_DEPTH: Final = 8  # of allOf, anyOf and oneOf inside each other
_MAX_VARIANTS: Final = 200  # alternatives inside alternatives multiply; those of real models are two or three
_MAX_SCHEMAS: Final = 2000  # inside each other that are searched for a file
_MAX_DESCRIBED_DEPTH: Final = 4
_MAX_DESCRIBED_MEMBERS: Final = 25
_URI_FORMATS: Final = frozenset({"uri", "iri", "url", "uri-reference"})
_COMBINERS: Final = ("allOf", "anyOf", "oneOf")
_ONE: Final[Mapping[str, str]] = {
    "file": _("a file"),
    "text": _("text"),
    "number": _("a number"),
    "boolean": _("on/off"),
}
_SEVERAL: Final[Mapping[str, str]] = {
    "file": _("files"),
    "text": _("texts"),
    "number": _("numbers"),
    "boolean": _("on/off values"),
}


@dataclass(frozen=True, slots=True)
class OutputType:
    """What a value of a schema may be.

    ``is_file``: a string that is a URI. ``is_text``: any other string. ``items``: the schema of a list's items ({} for
    any), None if it is no list. ``properties``: the schemas of an object's properties.
    """

    is_file: bool
    is_text: bool
    items: Mapping[str, Any] | None
    properties: Mapping[str, Any] = field(default_factory=dict)


def output_type(schema: Any) -> OutputType:
    """Return what the schema, or any of its alternatives, allows."""
    is_file = is_text = False
    items: Mapping[str, Any] | None = None
    properties: dict[str, Any] = {}
    for variant in _variants(schema):
        types = _json_types(variant)
        if "string" in types:
            is_uri = variant.get("format") in _URI_FORMATS
            is_file, is_text = is_file or is_uri, is_text or not is_uri
        if "array" in types and items is None:
            inner = variant.get("items")
            items = inner if isinstance(inner, Mapping) else {}
        if "object" in types:
            members = variant.get("properties")
            if isinstance(members, Mapping):
                properties.update({str(key): value for key, value in members.items() if isinstance(value, Mapping)})
    return OutputType(is_file=is_file, is_text=is_text, items=items, properties=properties)


def is_concatenated_text(schema: Any) -> bool:
    """Return whether the output is one text in pieces: an iterator of strings.

    Cog marks such outputs with ``x-cog-array-display: concatenate``; models without the mark yield pieces of words too.
    """
    for variant in _variants(schema):
        if "array" not in _json_types(variant):
            continue
        inner = output_type(variant.get("items"))
        if not inner.is_text or inner.is_file:
            continue
        if variant.get("x-cog-array-display") == "concatenate" or variant.get("x-cog-array-type") == "iterator":
            return True
    return False


def is_marked_concatenated(schema: Any) -> bool:
    """Return whether the schema itself says that the pieces of text are one text."""
    return any(variant.get("x-cog-array-display") == "concatenate" for variant in _variants(schema))


def contains_files(schema: Any) -> bool:
    """Return whether there is a file anywhere in what the schema describes."""
    level, described = [schema], 0
    for _depth in range(_MAX_DEPTH + 1):
        kinds = [output_type(inner) for inner in level]
        if any(kind.is_file for kind in kinds):
            return True
        described += len(kinds)
        inner = (part for kind in kinds for part in (kind.items, *kind.properties.values()) if part)
        level = list(islice(inner, _MAX_SCHEMAS - described))
    return False


def lists_files(schema: Any) -> bool:
    """Return whether the output is a list of files: one for each that was asked for."""
    items = output_type(schema).items
    inner = output_type(items) if items else None
    return inner is not None and inner.is_file and not inner.is_text and inner.items is None


def describe_output(schema: Mapping[str, Any]) -> str:
    """Return the output in words for people: "text, written live", "files, one by one"."""
    if not schema:
        return _("anything")
    if is_concatenated_text(schema):
        return _("text, written live")
    described = _describe(schema, 0)
    if schema.get("x-cog-array-type") != "iterator":
        return described
    # Translators: {outputs} is a plural, such as "files".
    return _("{outputs}, one by one").format(outputs=described)


def _variants(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the schema and its alternatives, each merged with the members they have in common."""
    return islice(_all_variants(schema, 0), _MAX_VARIANTS)


def _all_variants(schema: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    yield schema
    common = {key: value for key, value in schema.items() if key not in _COMBINERS}
    for key in _COMBINERS:
        alternatives = schema.get(key)
        for alternative in alternatives if isinstance(alternatives, list) else ():
            if isinstance(alternative, Mapping):
                yield from _all_variants({**common, **alternative}, depth + 1)


def _json_types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the types that the schema states, or that its other keywords imply."""
    stated = schema.get("type")
    if isinstance(stated, str):
        return (stated,)
    if isinstance(stated, list):
        return tuple(each for each in stated if isinstance(each, str))
    if "properties" in schema:
        return ("object",)
    if "items" in schema:
        return ("array",)
    return ("string",) if isinstance(schema.get("format"), str) else ()


def _describe(schema: Mapping[str, Any], depth: int) -> str:
    kind = output_type(schema)
    if depth > _MAX_DESCRIBED_DEPTH:
        return "JSON"
    if kind.properties:
        shown = islice(kind.properties.items(), _MAX_DESCRIBED_MEMBERS)
        members = ", ".join(f"{key} ({_describe(inner, depth + 1)})" for key, inner in shown)
        members += ", …" if len(kind.properties) > _MAX_DESCRIBED_MEMBERS else ""
        return _("several values: {members}").format(members=members) if depth == 0 else members
    if kind.items is not None:
        return _describe_list(kind.items, depth)
    scalars = [retranslate(_ONE[scalar]) for scalar in _list_scalars(kind, schema)]
    return join_alternatives(scalars) if scalars else "JSON"


def _describe_list(items: Mapping[str, Any], depth: int) -> str:
    kind = output_type(items)
    if kind.items is not None:
        return _("lists of files") if output_type(kind.items).is_file else _("lists of lists")
    if kind.properties:
        return _("a list, each with {members}").format(members=_describe(items, depth + 1))
    scalars = tuple(_list_scalars(kind, items))
    return retranslate(_SEVERAL[scalars[0]]) if len(scalars) == 1 else _("a list")


def _list_scalars(kind: OutputType, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a value can be that is neither a list nor an object, as the keys of ``_ONE``."""
    if kind.is_file:
        yield "file"
    if kind.is_text:
        yield "text"
    if schema.get("type") in ("number", "integer"):
        yield "number"
    if schema.get("type") == "boolean":
        yield "boolean"
