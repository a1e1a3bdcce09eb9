"""The grammar of Input schemas, as fields."""

from typing import Any

import pytest

from bot.media.types import MediaKind, MediaType
from bot.options.fields import Field, FieldKind, read_fields, read_output_schema
from bot.options.file_types import describe_types, is_accepted
from tests.options.samples import DEFAULT_SCHEMA, schema_with

URI = {"type": "string", "format": "uri"}
NULL = {"type": "null"}


def one(schema: Any, **components: Any) -> Field:
    (field,) = read_fields(schema_with({"it": schema}, **components))
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
    ],
)
def test_every_shape_has_its_kind(schema: Any, kind: FieldKind) -> None:
    assert one(schema).kind is kind


ENUM = {"enum": ["webp", "png"], "type": "string", "title": "form", "description": "An enumeration."}
REF = {"$ref": "#/components/schemas/form"}


@pytest.mark.parametrize(
    "schema", [{"allOf": [REF]}, {"anyOf": [REF]}, REF, {"anyOf": [REF, NULL]}, {"enum": ["webp", "png"]}]
)
def test_choices_are_found_wherever_they_are_written(schema: dict[str, Any]) -> None:
    field = one({**schema, "description": "Which form", "default": "png"}, form=ENUM)
    assert (field.choices, field.default, field.description) == (("webp", "png"), "png", "Which form")


def test_what_is_said_of_an_enum_is_not_said_of_the_input() -> None:
    assert one({"allOf": [REF]}, form=ENUM).description == ""


def test_choices_beside_free_text_are_suggestions() -> None:
    field = one({"anyOf": [REF, {"type": "string"}]}, form=ENUM)
    assert (field.kind, field.choices, field.suggested) == (FieldKind.STRING, ("webp", "png"), True)


def test_choices_that_only_look_alike_stay_apart() -> None:
    assert one({"enum": [1, "1", True, 1]}).choices == (1, "1", True)


@pytest.mark.parametrize(
    "schema",
    [{"anyOf": [{"type": "integer"}, NULL]}, {"type": "integer", "nullable": True}, {"type": ["integer", "null"]}],
)
def test_null_makes_an_input_nullable(schema: dict[str, Any]) -> None:
    field = one(schema)
    assert (field.kind, field.nullable) == (FieldKind.INTEGER, True)


def test_bounds_of_whole_numbers_are_whole_and_inclusive() -> None:
    field = one({"type": "integer", "exclusiveMinimum": 0, "maximum": 9.5})
    assert (field.minimum, field.maximum) == (1, 9)


def test_a_range_that_holds_nothing_is_no_range() -> None:
    field = one({"type": "integer", "minimum": 9, "maximum": 1})
    assert (field.minimum, field.maximum) == (None, None)


def test_the_tighter_of_two_bounds_holds() -> None:
    field = one({"allOf": [{"type": "integer", "minimum": 3, "maximum": 90}], "minimum": 1, "maximum": 50})
    assert (field.minimum, field.maximum) == (3, 50)


def test_items_bounds_are_the_lists() -> None:
    field = one({"type": "array", "items": {"type": "integer", "minimum": 2}, "minItems": 1, "maxItems": 4})
    assert (field.whole, field.minimum, field.min_items, field.max_items) == (True, 2, 1, 4)


@pytest.mark.parametrize("mark", [{"format": "password"}, {"writeOnly": True}, {"x-cog-secret": True}])
def test_secrets_are_known(mark: dict[str, Any]) -> None:
    assert one({"type": "string", **mark}).secret


def test_order_is_the_models_and_deprecated_inputs_come_last() -> None:
    fields = read_fields(
        schema_with(
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


def test_references_that_loop_or_multiply_end() -> None:
    both = {"allOf": [{"$ref": "#/components/schemas/b"}, {"$ref": "#/components/schemas/b"}]}
    bombs = {f"s{n}": {"allOf": [{"$ref": f"#/components/schemas/s{n + 1}"}] * 9} for n in range(30)}
    fields = read_fields(
        schema_with(
            {"loop": {"$ref": "#/components/schemas/a"}, "bomb": {"$ref": "#/components/schemas/s0"}},
            a=both,
            b={"$ref": "#/components/schemas/a"},
            **bombs,
        )
    )
    assert {field.kind for field in fields} == {FieldKind.JSON}


def test_a_schema_within_itself_is_read_once() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Output"}}}
    assert read_output_schema(schema_with({}, Output=tree)) == {
        "type": "object",
        "properties": {"child": {"type": "object", "properties": {"child": {}}}},
    }


@pytest.mark.parametrize("document", [{}, {"components": None}, {"components": {"schemas": {"Input": []}}}])
def test_a_document_without_inputs_has_no_fields(document: dict[str, Any]) -> None:
    assert read_fields(document) == ()
    assert read_output_schema(document) == {}


def test_the_output_schema_has_its_references_inlined() -> None:
    document = schema_with(
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


PNG = MediaType("image/png", ".png", MediaKind.IMAGE)
MP3 = MediaType("audio/mpeg", ".mp3", MediaKind.AUDIO)
MP4 = MediaType("video/mp4", ".mp4", MediaKind.VIDEO)
ZIP = MediaType("application/zip", ".zip", MediaKind.ARCHIVE)
TEXT = MediaType("text/plain", ".txt", MediaKind.TEXT)
BYTES = MediaType("application/octet-stream", ".bin", MediaKind.OTHER)


@pytest.mark.parametrize(
    ("description", "taken", "refused"),
    [
        ("An image of a person", [(PNG, "a.png")], [(MP3, "a.mp3"), (TEXT, "fake.png"), (BYTES, "broken.png")]),
        ("Speaker audio (wav, mp3, m4a, ogg, or flv)", [(MP3, "a.mp3"), (BYTES, "a.flv")], [(PNG, "a.png")]),
        ("Provide your own .npz file for audio cloning", [(ZIP, "voice.npz")], [(MP3, "a.mp3"), (ZIP, "voice.zip")]),
        ("An image or a zip of images", [(PNG, "a.png"), (ZIP, "a.zip")], [(MP3, "a.mp3")]),
        ("Song to listen to", [(MP3, "a.mp3"), (MP4, "clip.mp4")], [(PNG, "a.png")]),
        ("", [(PNG, "a.png"), (BYTES, "whatever")], []),
    ],
)
def test_a_description_says_which_files_are_taken(
    description: str, taken: list[tuple[MediaType, str]], refused: list[tuple[MediaType, str]]
) -> None:
    accepts = one({**URI, "description": description}).accepts
    assert [name for found, name in taken if not is_accepted(accepts, found, name)] == []
    assert [name for found, name in refused if is_accepted(accepts, found, name)] == []


@pytest.mark.parametrize(
    ("accept", "patterns"),
    [
        ("image/*", ("image/*",)),
        ("image/png, .jpg", ("image/png", "image/*")),
        (["audio/*", ".npz"], ("audio/*", ".npz")),
        ("*/*", ()),
        (7, ("image/*",)),
    ],
)
def test_a_models_own_word_on_files_comes_before_its_description(accept: Any, patterns: tuple[str, ...]) -> None:
    assert one({**URI, "x-cog-accept": accept, "description": "An image"}).accepts == patterns


def test_kinds_of_files_are_spoken() -> None:
    assert describe_types(("image/*", ".npz")) == "an image or a .npz file"
    assert describe_types(()) == "a file"
