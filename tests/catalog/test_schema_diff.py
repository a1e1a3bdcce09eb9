"""Differences between two versions of a model."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Command
from bot.catalog.schema_diff import SchemaDiff, diff_schemas
from bot.options.fields import read_fields
from bot.options.layout import build_layout
from bot.options.schema import read_output_schema

TEXT = {"type": "string"}


def command(inputs: Mapping[str, Any], *, version: str = "a", output: Mapping[str, Any] = TEXT) -> Command:
    schema = {"components": {"schemas": {"Input": {"type": "object", "properties": inputs}, "Output": output}}}
    return Command(
        name="make",
        description="",
        target=ModelRef("somebody", "maker", version * 64),
        layout=build_layout(read_fields(schema), model="somebody/maker"),
        output_schema=read_output_schema(schema),
    )


def diff_field(old: Mapping[str, Any], new: Mapping[str, Any]) -> SchemaDiff:
    return diff_schemas(command({"x": old}), command({"x": new}, version="b"))


def test_new_version_with_the_same_inputs_is_not_visible() -> None:
    diff = diff_field({"type": "string", "description": "old words"}, {"type": "string", "description": "new words"})
    assert diff.is_new_version
    assert not diff.is_visible


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"type": "integer", "maximum": 4}, {"type": "integer", "maximum": 8}, "at most 4 → at most 8"),
        ({"type": "integer"}, {"type": "integer", "minimum": 1, "maximum": 8}, "any → 1–8"),
        ({"type": "integer", "default": 1}, {"type": "integer", "default": 2}, "default: 1 → 2"),
        ({"type": "boolean", "default": True}, {"type": "boolean", "default": False}, "default: on → off"),
        ({"type": "string", "default": "a"}, {"type": "string"}, "default: a → none"),
        ({"type": "integer"}, {"type": "string"}, "integer → text"),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["b", "c"]}, "also c · no longer a"),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string"}, "now accepts any value"),
        ({"type": "string"}, {"type": "string", "enum": ["a", "b"]}, "now one of a, b"),
        ({"type": "string"}, {"type": "string", "maxLength": 9}, "any length → up to 9 characters"),
        ({"type": "string"}, {"type": "string", "deprecated": True}, "now deprecated"),
    ],
)
def test_change_is_one_line(old: Mapping[str, Any], new: Mapping[str, Any], expected: str) -> None:
    assert diff_field(old, new).changed == (f"`x` · {expected}",)


def test_added_removed_and_output_are_listed() -> None:
    old = command({"x": TEXT})
    new = command({"y": {"type": "number", "default": 0.5}}, output={"type": "string", "format": "uri"})
    diff = diff_schemas(old, new)
    assert diff.removed == ("`x`",)
    assert diff.added == ("`y` · number · default: 0.5",)
    assert diff.output == "text → a file"
