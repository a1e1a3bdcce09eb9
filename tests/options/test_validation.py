"""Validation agrees with plain JSON Schema, except where models need leniency."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.options.validation import build_validator, find_violation, shared_validation_steps
from tests.cpu_time import cpu_seconds

_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5, width=16), st.text("ab1", max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
_SMALL = st.integers(0, 3)
_LEAF = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"]),
        "enum": st.lists(_VALUES, min_size=1, max_size=3),
        "const": _VALUES,
        "minimum": st.integers(-3, 3),
        "exclusiveMaximum": st.integers(-3, 3),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": _SMALL,
        "maxLength": _SMALL,
        "pattern": st.sampled_from(["^a", "b+$", "1"]),
        "minItems": _SMALL,
        "maxItems": _SMALL,
        "uniqueItems": st.booleans(),
        "required": st.lists(st.sampled_from("abc"), max_size=2),
    },
)
_SCHEMAS = st.recursive(
    _LEAF,
    lambda inner: st.builds(
        lambda leaf, more: {**leaf, **more},
        _LEAF,
        st.fixed_dictionaries(
            {},
            optional={
                "items": inner,
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "additionalProperties": st.one_of(inner, st.booleans()),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "allOf": st.lists(inner, min_size=1, max_size=2),
            },
        ),
    ),
    max_leaves=5,
)
_JUNK_KEYWORDS = """
    type enum const minimum exclusiveMaximum multipleOf minLength maxLength pattern minItems uniqueItems items required
    properties patternProperties additionalProperties anyOf oneOf allOf nullable not $ref $id $schema
"""
_JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(_JUNK_KEYWORDS.split()),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=15,
)


def violation(value: Any, schema: dict[str, Any]) -> str | None:
    found = find_violation(build_validator(schema), value)
    return None if found is None else found.removeprefix("it ").removesuffix(".")


@settings(max_examples=200, deadline=None)
@given(_VALUES, _SCHEMAS)
def test_verdict_is_that_of_json_schema(value: Any, schema: dict[str, Any]) -> None:
    found = violation(value, schema)
    assert (found is None) == jsonschema.Draft202012Validator(schema).is_valid(value), found


@settings(max_examples=200, deadline=None)
@given(_VALUES, st.dictionaries(st.sampled_from(["properties", "items", "anyOf", "type", "required"]), _JUNK))
def test_malformed_schema_never_raises(value: Any, schema: dict[str, Any]) -> None:
    found = violation(value, schema)
    assert found is None or found.strip()


@pytest.mark.parametrize(
    ("schema", "good", "bad", "sentence"),
    [
        ({"minimum": 1}, 1, 0, "must be at least 1"),
        ({"maximum": 1}, 1, 2, "must be at most 1"),
        ({"exclusiveMinimum": 1}, 1.1, 1, "must be more than 1"),
        ({"exclusiveMaximum": 1}, 0.9, 1, "must be less than 1"),
        ({"multipleOf": 0.1}, 0.3, 0.35, "must be a multiple of 0.1"),
        ({"minLength": 2}, "ab", "a", "must have at least 2 characters (it has 1)"),
        ({"maxLength": 2}, "ab", "abc", "must have at most 2 characters (it has 3)"),
        ({"pattern": "^a"}, "ab", "ba", "must match the pattern ^a"),
        ({"minItems": 1}, [1], [], "needs at least 1 item (you entered 0)"),
        ({"maxItems": 2}, [1], [1, 2, 3], "accepts at most 2 items (you entered 3)"),
        ({"uniqueItems": True}, [1, "1", True], [1, 1.0], "must not contain the same item twice"),
        ({"items": {"type": "string"}}, ["a"], [1], "(at [0]) must be text"),
        ({"required": ["a"]}, {"a": 1}, {}, "needs “a”"),
        ({"properties": {"a": {"type": "string"}}}, {"a": "b"}, {"a": 1}, "(at a) must be text"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}, "doesn't accept “b”"),
        ({"additionalProperties": {"type": "string"}}, {"b": "c"}, {"b": 1}, "(at b) must be text"),
        ({"enum": [1, "a"]}, 1.0, True, "must be one of 1, a"),
        ({"enum": list(range(12))}, 11, 12, "must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
        ({"const": "a"}, "a", "b", "must be a"),
        ({"type": ["string", "null"]}, None, 1, "must be text or null"),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 6, 4, "doesn't match any of the forms the model accepts"),
        ({"anyOf": [{"type": "string"}]}, "a", 4, "must be text"),
        ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, "a", "", None),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "ab", "a", "must have at least 2 characters (it has 1)"),
    ],
)
def test_every_keyword_is_checked(schema: dict[str, Any], good: Any, bad: Any, sentence: str | None) -> None:
    assert violation(good, schema) is None
    assert violation(bad, schema) == sentence


def test_null_is_accepted_if_nullable() -> None:
    assert violation(None, {"type": "string", "nullable": True}) is None
    assert violation(None, {"type": "string"}) == "must be text"
    assert violation({"a": None}, {"properties": {"a": {"type": "string", "nullable": True}}}) is None
    assert violation(3, {"type": "string", "nullable": True}) == "must be text"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "a*a*a*b", r"^(\w+\s?)*$", "(?:a?){25}a{25}$"])
def test_no_pattern_backtracks(pattern: str) -> None:
    found, seconds = cpu_seconds(lambda: violation("a" * 3000 + "!", {"type": "string", "pattern": pattern}))
    assert found == f"must match the pattern {pattern}"
    assert seconds < 0.1


@pytest.mark.parametrize("pattern", ["(", "x" * 300, "(?=a)b", r"(a)\1b", "a{0,100000}b", "[\ud800]"])
def test_pattern_that_is_not_linear_accepts_every_text(pattern: str) -> None:
    assert violation("a" * 3000, {"type": "string", "pattern": pattern}) is None


def test_pattern_that_takes_too_long_is_left_to_the_model() -> None:
    schema = {"type": "string", "pattern": "((((a{0,30}){0,30}))b?)*c"}
    assert violation("ab", schema) == f"must match the pattern {schema['pattern']}"
    found, seconds = cpu_seconds(lambda: violation("a" * 6000, schema))
    assert found is None
    assert seconds < 0.1


_FAR: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": n} for n in range(900)]}
_NOTHING_NEW: dict[str, Any] = {"uniqueItems": True}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": _FAR}, ["x"] * 3000),
        ({"allOf": [{"minItems": 5000}] * 1900}, ["x"] * 3000),
        (_NOTHING_NEW, [{"a": [n]} for n in range(1000)] * 2),
        ({"items": {"enum": [{"a": n} for n in range(9000)]}}, [{"a": -1}] * 2000),
        ({"items": {"properties": {f"p{n}": {"type": "string"} for n in range(1900)}}}, [{}] * 2000),
        ({"items": {"required": ["a"], "additionalProperties": False}}, [{"b": 1}] * 2000),
    ],
    ids=["unions", "bounds", "unique", "choices", "properties", "errors"],
)
def test_validation_ends_in_time_for_any_value(schema: dict[str, Any], value: Any) -> None:
    validator = build_validator(schema)
    _, seconds = cpu_seconds(lambda: find_violation(validator, value))
    assert seconds < 0.1


def test_all_values_of_a_run_share_their_steps() -> None:
    validator = build_validator({"items": {"type": "integer"}})
    with shared_validation_steps():
        assert find_violation(validator, [1] * 8000) is None
        assert find_violation(validator, [1] * 8000) is None
        assert find_violation(validator, "no list") is None
        assert find_violation(validator, ["x"]) is None  # nothing is left to check it with
    assert find_violation(validator, ["x"], "`sizes`") == "`sizes` (at [0]) must be a whole number."


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "quaternion"},
        {"type": ["string", "quaternion"]},
        {"enum": []},
        {"anyOf": []},
        {"anyOf": [{"type": "string"}, "junk"]},
        {"minimum": "5"},
        {"exclusiveMinimum": True},
        {"multipleOf": 0},
        {"required": "a"},
        {"not": {}},
        {"$ref": "#/nowhere"},
        {"patternProperties": {"b": {}}, "additionalProperties": False},
    ],
)
def test_unknown_or_malformed_keyword_accepts_all(schema: dict[str, Any]) -> None:
    assert violation(1, schema) is None
    assert violation({"b": 1}, schema) is None


def test_huge_multiple_is_not_an_error() -> None:
    assert violation(10**400, {"multipleOf": 0.5}) is None


def test_nested_violation_names_its_place() -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}
    assert violation({"a": [1, "x", "y"]}, schema) == "(at a[1]) must be a whole number"
