"""What a newer version changes for people."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Command
from bot.catalog.schema_diff import SchemaDiff, diff_schemas
from bot.options.fields import read_fields, read_output_schema
from bot.options.layout import build_layout

TEXT = {"type": "string"}


def command(inputs: Mapping[str, Any], *, version: str = "a", output: Mapping[str, Any] = TEXT) -> Command:
    schema = {"components": {"schemas": {"Input": {"type": "object", "properties": inputs}, "Output": output}}}
    return Command(
        name="make",
        description="",
        target=ModelRef("somebody", "maker", version * 64),
        plan=build_layout(read_fields(schema), model="somebody/maker"),
        output_schema=read_output_schema(schema),
    )


def between(old: Mapping[str, Any], new: Mapping[str, Any]) -> SchemaDiff:
    return diff_schemas(command({"x": old}), command({"x": new}, version="b"))


def test_the_same_inputs_are_no_change_for_people() -> None:
    found = between({"type": "string", "description": "old words"}, {"type": "string", "description": "new words"})
    assert found.version
    assert not found.anything


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"type": "integer", "maximum": 4}, {"type": "integer", "maximum": 8}, "at most 4 → at most 8"),
        ({"type": "integer"}, {"type": "integer", "minimum": 1, "maximum": 8}, "any → 1–8"),
        ({"type": "integer", "default": 1}, {"type": "integer", "default": 2}, "default 1 → 2"),
        ({"type": "string", "default": "a"}, {"type": "string"}, "default a → none"),
        ({"type": "integer"}, {"type": "string"}, "whole number → text"),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["b", "c"]}, "also c · no longer a"),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string"}, "takes anything now"),
        ({"type": "string"}, {"type": "string", "enum": ["a", "b"]}, "one of a, b now"),
        ({"type": "string"}, {"type": "string", "maxLength": 9}, "any length → up to 9 characters"),
        ({"type": "string"}, {"type": "string", "deprecated": True}, "going away"),
    ],
)
def test_a_change_is_told_in_a_line(old: Mapping[str, Any], new: Mapping[str, Any], told: str) -> None:
    assert between(old, new).changed == (f"`x` · {told}",)


def test_added_gone_and_output_are_told() -> None:
    old = command({"x": TEXT})
    new = command({"y": {"type": "number", "default": 0.5}}, output={"type": "string", "format": "uri"})
    found = diff_schemas(old, new)
    assert found.gone == ("`x`",)
    assert found.added == ("`y` · number · default 0.5",)
    assert found.output == "text → a file"
