"""What a model's output schema means. Pure; any JSON is accepted as a schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_DEEPEST: Final = 8  # allOf, anyOf and oneOf inside each other
_URIS: Final = frozenset({"uri", "iri", "url", "uri-reference"})


@dataclass(frozen=True, slots=True)
class OutputType:
    """What a value of one schema may be.

    ``files``: a string that is a file's address. ``words``: a string that is none. ``items``: the schema of a
    list's items ({} for any), None when it is no list. ``keys``: an object's own schemas.
    """

    files: bool
    words: bool
    items: Mapping[str, Any] | None
    keys: Mapping[str, Any] = field(default_factory=dict)


def output_type(schema: Any) -> OutputType:
    """Return what the schema, or any of its alternatives, allows."""
    files = words = False
    items: Mapping[str, Any] | None = None
    keys: dict[str, Any] = {}
    for variant in _variants(schema, 0):
        kinds = _kinds(variant)
        if "string" in kinds:
            uri = variant.get("format") in _URIS
            files, words = files or uri, words or not uri
        if "array" in kinds and items is None:
            inner = variant.get("items")
            items = inner if isinstance(inner, Mapping) else {}
        if "object" in kinds:
            properties = variant.get("properties")
            if isinstance(properties, Mapping):
                keys.update({str(key): value for key, value in properties.items() if isinstance(value, Mapping)})
    return OutputType(files=files, words=words, items=items, keys=keys)


def is_concatenated_text(schema: Any) -> bool:
    """Whether the output is one text that comes in pieces: an iterator of strings.

    Cog marks those to be joined with ``x-cog-array-display: concatenate``; models that leave the mark out yield
    pieces of words all the same.
    """
    for variant in _variants(schema, 0):
        if "array" not in _kinds(variant):
            continue
        inner = output_type(variant.get("items"))
        if not inner.words or inner.files:
            continue
        if variant.get("x-cog-array-display") == "concatenate" or variant.get("x-cog-array-type") == "iterator":
            return True
    return False


def is_marked_concatenated(schema: Any) -> bool:
    """Whether the model itself says that its pieces of text are one text."""
    return any(variant.get("x-cog-array-display") == "concatenate" for variant in _variants(schema, 0))


def contains_files(schema: Any, depth: int = 0) -> bool:
    """Whether a file stands anywhere in what the schema describes."""
    if depth > _DEEPEST:
        return False
    meaning = output_type(schema)
    return (
        meaning.files
        or contains_files(meaning.items, depth + 1)
        or any(contains_files(of, depth + 1) for of in meaning.keys.values())
    )


def _variants(schema: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Yield the schema and its alternatives, each merged with what holds for all."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    yield schema
    own = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
    for key in ("allOf", "anyOf", "oneOf"):
        inner = schema.get(key)
        for alternative in inner if isinstance(inner, list) else ():
            if isinstance(alternative, Mapping):
                yield from _variants({**own, **alternative}, depth + 1)


def _kinds(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the types that the schema names, or that its other keys give away."""
    named = schema.get("type")
    if isinstance(named, str):
        return (named,)
    if isinstance(named, list):
        return tuple(kind for kind in named if isinstance(kind, str))
    if "properties" in schema:
        return ("object",)
    if "items" in schema:
        return ("array",)
    return ("string",) if isinstance(schema.get("format"), str) else ()


_DEEPEST_DESCRIBE = 4


def describe_output(schema: Mapping[str, Any]) -> str:
    """Return what the model makes, as a person says it: “text, as it is written”, “files, one by one”."""
    if not schema:
        return "whatever comes"
    if is_concatenated_text(schema):
        return "text, as it is written"
    by_turns = ", one by one" if schema.get("x-cog-array-type") == "iterator" else ""
    return f"{_words(schema, 0)}{by_turns}"


def _words(schema: Mapping[str, Any], depth: int) -> str:
    meaning = output_type(schema)
    if depth > _DEEPEST_DESCRIBE:
        return "JSON"
    if meaning.keys:
        parts = ", ".join(f"{key} ({_words(inner, depth + 1)})" for key, inner in meaning.keys.items())
        return f"several things: {parts}" if depth == 0 else parts
    if meaning.items is not None:
        return _list(meaning.items, depth)
    return " or ".join(_single(meaning, schema)) or "JSON"


def _list(items: Mapping[str, Any], depth: int) -> str:
    inner = output_type(items)
    if inner.items is not None:
        return "lists of files" if output_type(inner.items).files else "lists of lists"
    if inner.keys:
        return f"a list, each with {_words(items, depth + 1)}"
    plural = {"a file": "files", "text": "texts", "a number": "numbers", "yes or no": "answers of yes or no"}
    return plural.get(" or ".join(_single(inner, items)), "a list")


def _single(meaning: OutputType, schema: Mapping[str, Any]) -> Iterator[str]:
    if meaning.files:
        yield "a file"
    if meaning.words:
        yield "text"
    if schema.get("type") in ("number", "integer"):
        yield "a number"
    if schema.get("type") == "boolean":
        yield "yes or no"
