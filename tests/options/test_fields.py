"""Fields read from every form of Input schema."""

import math
from typing import Any

import pytest

from bot.limits import SCHEMA_INPUTS, SCHEMA_TEXT_CHARS, SCHEMA_VALUES
from bot.options.fields import Field, FieldKind, read_fields
from bot.options.schema import SchemaTooComplex, read_output_schema
from bot.options.validation import find_violation
from tests.options.samples import DEFAULT_SCHEMA, TEXT, URI, openapi_with

NULL = {"type": "null"}


def read_field(schema: Any, **components: Any) -> Field:
    (field,) = read_fields(openapi_with({"it": schema}, **components))
    return field


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, FieldKind.STRING),
        ({"type": "integer"}, FieldKind.INTEGER),
        ({"type": "number"}, FieldKind.NUMBER),
        ({"type": "boolean"}, FieldKind.BOOLEAN),
        (URI, FieldKind.FILE),
        ({"type": "object"}, FieldKind.JSON),
        ({"type": "array", "items": {"type": "string"}}, FieldKind.STRINGS),
        ({"type": "array", "items": {"type": "number"}}, FieldKind.NUMBERS),
        ({"type": "array", "items": URI}, FieldKind.FILES),
        ({"type": "array", "items": {"type": "string", "anyOf": [], "format": "uri"}}, FieldKind.FILES),
        ({"type": "array", "items": {"type": "object"}}, FieldKind.JSON),
        ({"type": "array"}, FieldKind.JSON),
        ({"type": ["string", "null"]}, FieldKind.STRING),
        ({"type": "never heard of"}, FieldKind.JSON),
        ({}, FieldKind.JSON),
        (True, FieldKind.JSON),
        ({"minimum": 1}, FieldKind.NUMBER),
        ({"maxLength": 10}, FieldKind.STRING),
        ({"format": "uri"}, FieldKind.FILE),
        ({"enum": ["a", "b"]}, FieldKind.STRING),
        ({"enum": [1, 2]}, FieldKind.INTEGER),
        ({"enum": [1, 2.5]}, FieldKind.NUMBER),
        ({"enum": [1, "auto"]}, FieldKind.STRING),
        ({"const": "only"}, FieldKind.STRING),
        ({"enum": [{"a": 1}, "b"]}, FieldKind.JSON),
        ({"anyOf": [{"type": "string"}, NULL]}, FieldKind.STRING),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, FieldKind.NUMBER),
        ({"oneOf": [{"type": "string"}, URI]}, FieldKind.FILE),
        ({"anyOf": [URI, {"type": "array", "items": URI}]}, FieldKind.FILES),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, FieldKind.STRINGS),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, FieldKind.JSON),
        ({"$ref": "#/components/schemas/nowhere"}, FieldKind.JSON),
        ({"$ref": "https://example.com/schema"}, FieldKind.JSON),
        ({"$ref": "#/components/schemas/Input/title/0"}, FieldKind.JSON),
        ({"$ref": "#/components/schemas/Input/title/x"}, FieldKind.JSON),
        ({"$ref": "#anchor"}, FieldKind.JSON),
        ({"$ref": 7}, FieldKind.JSON),
    ],
)
def test_every_schema_has_its_kind(schema: Any, kind: FieldKind) -> None:
    assert read_field(schema).kind is kind


ENUM = {"enum": ["webp", "png"], "type": "string", "title": "form", "description": "An enumeration."}
REF = {"$ref": "#/components/schemas/form"}


@pytest.mark.parametrize(
    "schema", [{"allOf": [REF]}, {"anyOf": [REF]}, REF, {"anyOf": [REF, NULL]}, {"enum": ["webp", "png"]}]
)
def test_choices_are_found_in_every_form(schema: dict[str, Any]) -> None:
    field = read_field({**schema, "description": "Which form", "default": "png"}, form=ENUM)
    assert (field.choices, field.default, field.description) == (("webp", "png"), "png", "Which form")


def test_enum_description_is_not_the_inputs() -> None:
    assert read_field({"allOf": [REF]}, form=ENUM).description == ""


def test_choices_beside_free_text_are_suggestions() -> None:
    field = read_field({"anyOf": [REF, {"type": "string"}]}, form=ENUM)
    assert (field.kind, field.choices, field.allows_custom) == (FieldKind.STRING, ("webp", "png"), True)


def test_choices_of_different_types_are_different() -> None:
    assert read_field({"enum": [1, "1", True, 1]}).choices == (1, "1", True)


@pytest.mark.parametrize(
    "schema",
    [{"anyOf": [{"type": "integer"}, NULL]}, {"type": "integer", "nullable": True}, {"type": ["integer", "null"]}],
)
def test_null_variant_makes_an_input_nullable(schema: dict[str, Any]) -> None:
    field = read_field(schema)
    assert (field.kind, field.nullable) == (FieldKind.INTEGER, True)


def test_integer_bounds_are_integers_and_inclusive() -> None:
    field = read_field({"type": "integer", "exclusiveMinimum": 0, "maximum": 9.5})
    assert (field.minimum, field.maximum) == (1, 9)


def test_empty_range_is_ignored() -> None:
    field = read_field({"type": "integer", "minimum": 9, "maximum": 1})
    assert (field.minimum, field.maximum) == (None, None)


def test_tighter_of_two_bounds_applies() -> None:
    field = read_field({"allOf": [{"type": "integer", "minimum": 3, "maximum": 90}], "minimum": 1, "maximum": 50})
    assert (field.minimum, field.maximum) == (3, 50)


def test_bounds_of_items_are_the_lists() -> None:
    field = read_field({"type": "array", "items": {"type": "integer", "minimum": 2}, "minItems": 1, "maxItems": 4})
    assert (field.integer_items, field.minimum, field.min_items, field.max_items) == (True, 2, 1, 4)


@pytest.mark.parametrize("mark", [{"format": "password"}, {"writeOnly": True}, {"x-cog-secret": True}])
def test_secret_is_detected(mark: dict[str, Any]) -> None:
    assert read_field({"type": "string", **mark}).secret


def test_order_is_the_models_with_deprecated_last() -> None:
    fields = read_fields(
        openapi_with(
            {
                "none": {},
                "old": {"x-order": 0, "deprecated": True},
                "second": {"x-order": "2"},
                "odd": {"x-order": {}},
                "first": {"x-order": 1.0},
            }
        )
    )
    assert [field.name for field in fields] == ["first", "second", "none", "odd", "old"]


def test_looping_references_end() -> None:
    both = {"allOf": [{"$ref": "#/components/schemas/b"}, {"$ref": "#/components/schemas/b"}]}
    loop = {"$ref": "#/components/schemas/a"}
    [field] = read_fields(openapi_with({"loop": loop}, a=both, b=loop))
    assert field.kind is FieldKind.JSON


def test_multiplying_references_are_refused() -> None:
    bombs: dict[str, Any] = {f"s{n}": {"allOf": [{"$ref": f"#/components/schemas/s{n + 1}"}] * 9} for n in range(30)}
    document = openapi_with({"bomb": {"$ref": "#/components/schemas/s0"}}, **bombs)
    with pytest.raises(SchemaTooComplex, match="too complex for a command"):
        read_fields(document)
    document["components"]["schemas"]["Output"] = document["components"]["schemas"]["Input"]
    assert read_output_schema(document)["properties"].keys() == {"bomb"}


def test_more_inputs_than_a_command_can_have_are_refused() -> None:
    assert len(read_fields(openapi_with({f"i{n}": TEXT for n in range(SCHEMA_INPUTS)}))) == SCHEMA_INPUTS
    with pytest.raises(SchemaTooComplex, match="more than 300 inputs"):
        read_fields(openapi_with({f"i{n}": TEXT for n in range(SCHEMA_INPUTS + 1)}))


def test_choices_beyond_the_bound_are_left_to_the_model() -> None:
    few, many = ({"enum": [f"v{n}" for n in range(count)]} for count in (10_000, SCHEMA_VALUES))
    assert len(read_field(few).choices) == 10_000
    assert read_field({"type": "string", **many}).choices == ()


def test_numbers_out_of_range_bound_nothing() -> None:
    for number in (math.inf, math.nan, 10**400, -(10**400)):
        bounds = {"minimum": number, "maximum": number, "maxLength": number, "default": number}
        field = read_field({"type": "number", **bounds, "enum": [1, number]})
        assert (field.minimum, field.maximum, field.max_length, field.default) == (None, None, None, None)
        assert field.choices == (1,)
        assert find_violation(read_field({"type": "number", **bounds}).validator, 5) is None


def test_texts_of_a_schema_are_cut() -> None:
    field = read_field({"type": "string", "description": "word " * 100_000, "title": "t" * 100_000})
    assert len(field.description) <= SCHEMA_TEXT_CHARS
    assert len(field.title) <= SCHEMA_TEXT_CHARS


def test_recursive_schema_is_inlined_once() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Output"}}}
    assert read_output_schema(openapi_with({}, Output=tree)) == {
        "type": "object",
        "properties": {"child": {"type": "object", "properties": {"child": {}}}},
    }


@pytest.mark.parametrize("document", [{}, {"components": None}, {"components": {"schemas": {"Input": []}}}])
def test_document_without_inputs_has_no_fields(document: dict[str, Any]) -> None:
    assert read_fields(document) == ()
    assert read_output_schema(document) == {}


def test_output_schema_has_its_references_inlined() -> None:
    document = openapi_with(
        {},
        Output={"$ref": "#/components/schemas/ModelOutput", "title": "Output"},
        ModelOutput={
            "type": "object",
            "title": "ModelOutput",
            "properties": {"audio": URI, "enum": {"type": "string"}},
        },
    )
    assert read_output_schema(document) == {
        "type": "object",
        "title": "Output",
        "properties": {"audio": URI, "enum": {"type": "string"}},
    }
    assert read_output_schema(DEFAULT_SCHEMA)["x-cog-array-type"] == "iterator"


def test_reference_may_hold_escapes() -> None:
    for key, pointer in (("a/b", "a~1b"), ("a~b", "a~0b"), ("a b", "a%20b")):
        components: dict[str, Any] = {key: {"type": "integer"}}
        fields = read_fields(openapi_with({"it": {"$ref": f"#/components/schemas/{pointer}"}}, **components))
        assert fields[0].kind is FieldKind.INTEGER
