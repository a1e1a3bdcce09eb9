"""Describe: in a few words, what an Output schema promises."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.outputs.meaning import Meaning, joins_strings, meaning_of

_DEEPEST = 4


def describe_output(schema: Mapping[str, Any]) -> str:
    """Return what the model makes, as a person says it: “text, as it is written”, “files, one by one”."""
    if not schema:
        return "whatever comes"
    if joins_strings(schema):
        return "text, as it is written"
    by_turns = ", one by one" if schema.get("x-cog-array-type") == "iterator" else ""
    return f"{_words(schema, 0)}{by_turns}"


def _words(schema: Mapping[str, Any], depth: int) -> str:
    meaning = meaning_of(schema)
    if depth > _DEEPEST:
        return "JSON"
    if meaning.keys:
        parts = ", ".join(f"{key} ({_words(inner, depth + 1)})" for key, inner in meaning.keys.items())
        return f"several things: {parts}" if depth == 0 else parts
    if meaning.items is not None:
        return _list(meaning.items, depth)
    return " or ".join(_single(meaning, schema)) or "JSON"


def _list(items: Mapping[str, Any], depth: int) -> str:
    inner = meaning_of(items)
    if inner.items is not None:
        return "lists of files" if meaning_of(inner.items).files else "lists of lists"
    if inner.keys:
        return f"a list, each with {_words(items, depth + 1)}"
    plural = {"a file": "files", "text": "texts", "a number": "numbers", "yes or no": "answers of yes or no"}
    return plural.get(" or ".join(_single(inner, items)), "a list")


def _single(meaning: Meaning, schema: Mapping[str, Any]) -> Iterator[str]:
    if meaning.files:
        yield "a file"
    if meaning.words:
        yield "text"
    if schema.get("type") in ("number", "integer"):
        yield "a number"
    if schema.get("type") == "boolean":
        yield "yes or no"
