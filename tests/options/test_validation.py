"""Our light check of values, held against a whole JSON Schema implementation."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.options.validation import find_violation

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


@settings(max_examples=200, deadline=None)
@given(_VALUES, _SCHEMAS)
def test_a_value_has_a_fault_exactly_when_json_schema_says_so(value: Any, schema: dict[str, Any]) -> None:
    found = find_violation(value, schema)
    assert (found is None) == jsonschema.Draft202012Validator(schema).is_valid(value), found


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"minimum": 1}, 1, 0),
        ({"maximum": 1}, 1, 2),
        ({"exclusiveMinimum": 1}, 1.1, 1),
        ({"exclusiveMaximum": 1}, 0.9, 1),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"minLength": 2}, "ab", "a"),
        ({"maxLength": 2}, "ab", "abc"),
        ({"pattern": "^a"}, "ab", "ba"),
        ({"minItems": 1}, [1], []),
        ({"maxItems": 1}, [1], [1, 2]),
        ({"uniqueItems": True}, [1, "1", True], [1, 1.0]),
        ({"items": {"type": "string"}}, ["a"], [1]),
        ({"required": ["a"]}, {"a": 1}, {}),
        ({"properties": {"a": {"type": "string"}}}, {"a": "b"}, {"a": 1}),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
        ({"additionalProperties": {"type": "string"}}, {"b": "c"}, {"b": 1}),
        ({"enum": [1, "a"]}, 1.0, True),
        ({"const": "a"}, "a", "b"),
        ({"type": ["string", "null"]}, None, 1),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 6, 4),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "ab", "a"),
    ],
)
def test_every_word_of_a_schema_counts(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert find_violation(good, schema) is None
    assert find_violation(bad, schema) is not None


def test_null_is_fine_where_the_model_says_nullable() -> None:
    assert find_violation(None, {"type": "string", "nullable": True}) is None
    assert find_violation(None, {"type": "string"}) == "must be text"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "a*a*a*b", "(", "x" * 300])
def test_a_pattern_that_could_take_for_ever_is_left_to_replicate(pattern: str) -> None:
    assert find_violation("a" * 3000, {"type": "string", "pattern": pattern}) is None


def test_a_fault_deep_within_says_where() -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}
    assert find_violation({"a": [1, "x"]}, schema) == "(at a[1]) must be a whole number"
