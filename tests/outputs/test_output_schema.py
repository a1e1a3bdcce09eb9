"""Output schemas are described in words."""

from typing import Any

import pytest

from bot.outputs.output_schema import describe_output

URI = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}
ITERATOR = {"x-cog-array-type": "iterator"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "anything"),
        ({"title": "Output"}, "JSON"),
        (TEXT, "text"),
        (URI, "a file"),
        ({"type": "number"}, "a number"),
        ({"type": "boolean"}, "on/off"),
        ({"type": "array", "items": URI}, "files"),
        ({"type": "array", "items": URI, **ITERATOR}, "files, one by one"),
        ({"type": "array", "items": TEXT}, "texts"),
        ({"type": "array", "items": TEXT, **ITERATOR}, "text, written live"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, "lists of lists"),
        ({"type": "array", "items": {"type": "array", "items": URI}, **ITERATOR}, "lists of files, one by one"),
        (
            {"type": "object", "properties": {"video": URI, "score": {"type": "number"}}},
            "several values: video (a file), score (a number)",
        ),
        (
            {"type": "array", "items": {"type": "object", "properties": {"file": URI, "text": TEXT}}},
            "a list, each with file (a file), text (text)",
        ),
        ({"anyOf": [TEXT, URI]}, "a file or text"),
    ],
)
def test_an_output_is_described_in_words(schema: dict[str, Any], words: str) -> None:
    assert describe_output(schema) == words
