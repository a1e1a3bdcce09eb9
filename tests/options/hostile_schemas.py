"""Model schemas as an attacker writes them: each takes little to write and much to read, unless reading is bounded.

Every document has about ``HOSTILE_BYTES`` of JSON, or as much as its shape needs; Replicate's response stays readable.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

HOSTILE_BYTES: Final = 800_000

Schema = dict[str, Any]


def _openapi(input_schema: Any, *, output: Any = None, **components: Any) -> Schema:
    return {"components": {"schemas": {"Input": input_schema, "Output": output or {"type": "string"}, **components}}}


def _inputs(properties: Mapping[str, Any], **more: Any) -> Schema:
    return {"type": "object", "properties": properties, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def many_inputs() -> Schema:
    return _openapi(_inputs({f"input_{number}": {"type": "string"} for number in range(20_000)}))


def many_equal_names() -> Schema:
    """Inputs whose option names would all be the same."""
    return _openapi(_inputs({"é" * 32 + f"!{number}": {"type": "integer"} for number in range(3_600)}))


def many_required() -> Schema:
    names = [f"r{number}" for number in range(50_000)]
    return _openapi({"allOf": [{"required": names[:25_000]}, {"required": names[25_000:]}], "properties": {}})


def long_enum() -> Schema:
    return _openapi(_inputs({"voice": {"enum": [f"v{number}" for number in range(90_000)]}}))


def long_equal_labels() -> Schema:
    """Choices that differ only beyond the length of a label."""
    return _openapi(_inputs({"voice": {"enum": ["x" * 120 + str(number) for number in range(6_000)]}}))


def enum_in_every_input() -> Schema:
    properties = {f"input_{number}": {"allOf": [_ref("voice")]} for number in range(1_000)}
    return _openapi(_inputs(properties), voice={"enum": [f"v{number}" for number in range(60_000)]})


def crossed_enums() -> Schema:
    part = {"enum": [f"v{number}" for number in range(1_000)]}
    return _openapi(_inputs({"it": {"allOf": [part] * 70, "enum": part["enum"]}}))


def union_of_enums() -> Schema:
    parts = [{"enum": [f"{group}-{number}" for number in range(20)]} for group in range(3_000)]
    return _openapi(_inputs({"it": {"anyOf": parts}}))


def doubling_references() -> Schema:
    """Components that refer twice to the next: 2**40 schemas."""
    components = {f"c{number}": {"allOf": [_ref(f"c{number + 1}")] * 2} for number in range(40)}
    return _openapi(_inputs({"it": _ref("c0")}), **components)


def long_reference_chain() -> Schema:
    components = {f"c{number}": _ref(f"c{number + 1}") for number in range(15_000)}
    return _openapi(_inputs({f"i{number}": _ref("c0") for number in range(2_000)}), **components)


def circular_references() -> Schema:
    components = {
        f"c{number}": {"anyOf": [_ref(f"c{other}") for other in range(30)], "description": "x" * 800}
        for number in range(30)
    }
    return _openapi(_inputs({f"i{number}": _ref(f"c{number % 30}") for number in range(3_000)}), **components)


def nested(keyword: str, depth: int = 400) -> Callable[[], Schema]:
    """Return a document whose inputs have this keyword in itself ``depth`` times."""

    def build() -> Schema:
        schema: Any = {"type": "string"}
        for _ in range(depth):
            schema = {keyword: schema if keyword in ("items", "additionalProperties") else [schema, {"type": "null"}]}
        return _openapi(_inputs({f"i{number}": schema for number in range(HOSTILE_BYTES // (depth * 30))}))

    return build


def unions_in_lists() -> Schema:
    item: Any = {"type": "string", "format": "uri"}
    for _ in range(20):
        item = {"anyOf": [{"type": "string"}, {"type": "array", "items": item}]}
    return _openapi(_inputs({f"i{number}": item for number in range(500)}), output=item)


def long_texts() -> Schema:
    text = "[" * 20_000 + "`*" * 5_000 + "a_A" * 5_000
    return _openapi(
        _inputs({f"i{number}": {"type": "string", "description": text, "title": text} for number in range(9)})
    )


def long_names() -> Schema:
    return _openapi(_inputs({f"{number}" + "aA" * 20_000: {"type": "string"} for number in range(20)}))


def long_default() -> Schema:
    default = "[" * (HOSTILE_BYTES // 8)
    return _openapi(_inputs({f"i{number}": {"type": "string", "default": default} for number in range(8)}))


def nested_default() -> Schema:
    value: Any = 0
    for _ in range(900):
        value = [value]
    return _openapi(_inputs({f"i{number}": {"default": value, "enum": [value, value]} for number in range(150)}))


def wide_output() -> Schema:
    members = {f"member_{number}": {"type": "string", "format": "uri"} for number in range(12_000)}
    return _openapi(_inputs({}), output=_inputs(members))


def output_of_unions() -> Schema:
    schema: Any = {"type": "string"}
    for _ in range(5):
        schema = {"anyOf": [schema] * 3, "oneOf": [schema] * 2}
    return _openapi(_inputs({}), output={"anyOf": [schema] * 3, "type": "array", "items": schema})


def nested_output() -> Schema:
    schema: Any = {"type": "string"}
    for _ in range(5):
        schema = _inputs({f"p{number}": schema for number in range(6)})
    return _openapi(_inputs({}), output=schema)


def many_files() -> Schema:
    files = {"type": "array", "items": {"type": "string", "format": "uri"}, "description": ".png, .jpg or a.b.c " * 20}
    return _openapi(_inputs({f"images{number}": files for number in range(1_500)}))


def many_patterns() -> Schema:
    properties = {f"i{n}": {"type": "string", "pattern": "(a{1,9}){1,9}" * 12 + str(n)} for n in range(3_000)}
    return _openapi(_inputs(properties))


def odd_numbers() -> Schema:
    numbers = [float("inf"), float("-inf"), float("nan"), 10**4000, -(10**4000), 1e308, 5e-324]
    return _openapi(
        _inputs(
            {
                f"i{place}_{kind}": {"type": kind, keyword: number, "default": number, "enum": numbers}
                if keyword == "enum"
                else {"type": kind, keyword: number, "default": number, "x-order": number}
                for kind in ("integer", "number", "string", "array")
                for place, (keyword, number) in enumerate(
                    (keyword, number)
                    for keyword in (
                        "minimum",
                        "maximum",
                        "exclusiveMinimum",
                        "multipleOf",
                        "minLength",
                        "maxItems",
                        "enum",
                    )
                    for number in numbers
                )
            }
        )
    )


def as_many_inputs_as_accepted() -> Schema:
    files = {"type": "array", "items": {"type": "string", "format": "uri"}, "maxItems": 10, "minItems": 1}
    words = "A .png, .jpg or a.b.c [x](y) `z` " * 28
    return _openapi(_inputs({"é" * 32 + f"!{n}": {**files, "description": words, "title": words} for n in range(300)}))


def as_many_choices_as_accepted() -> Schema:
    return _openapi(
        _inputs({"voice": {"enum": [f"{'é' * 8}{'x' * 30}{number}" for number in range(12_000)], "default": "x"}})
    )


def as_many_nodes_as_accepted() -> Schema:
    union = {"anyOf": [{"type": "string", "enum": [f"{n}"]} for n in range(13)], "oneOf": [{"type": "null"}] * 5}
    return _openapi(_inputs({f"i{number}": union for number in range(99)}), output=_inputs({"a": union}))


def as_many_lists_as_accepted() -> Schema:
    item: Any = {"type": "string", "format": "uri"}
    for _ in range(10):
        item = {"anyOf": [{"type": "string"}, {"type": "array", "items": item}]}
    return _openapi(_inputs({f"i{number}": item for number in range(60)}), output=item)


def as_many_merges_as_accepted() -> Schema:
    parts = [{"properties": {f"p{n}": {"type": "integer"}}, "required": [f"p{n}"]} for n in range(280)]
    enums = [{"enum": [f"v{n}" for n in range(1_000)]}] * 14
    return _openapi({"allOf": [*parts, {"properties": {"it": {"allOf": enums, "enum": ["v0"] * 1_000}}}]})


ACCEPTED_SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {
    "many required": many_required,
    "long enum": long_enum,
    "long equal labels": long_equal_labels,
    "crossed enums": crossed_enums,
    "nested items": nested("items"),
    "deeply nested items": nested("items", 20_000),
    "nested additionalProperties": nested("additionalProperties"),
    "long texts": long_texts,
    "long names": long_names,
    "long default": long_default,
    "nested default": nested_default,
    "wide output": wide_output,
    "output of unions": output_of_unions,
    "nested output": nested_output,
    "odd numbers": odd_numbers,
    "as many inputs as accepted": as_many_inputs_as_accepted,
    "as many choices as accepted": as_many_choices_as_accepted,
    "as many nodes as accepted": as_many_nodes_as_accepted,
    "as many lists as accepted": as_many_lists_as_accepted,
    "as many merges as accepted": as_many_merges_as_accepted,
}
REFUSED_SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {
    "many inputs": many_inputs,
    "many equal names": many_equal_names,
    "enum in every input": enum_in_every_input,
    "union of enums": union_of_enums,
    "doubling references": doubling_references,
    "long reference chain": long_reference_chain,
    "circular references": circular_references,
    "nested allOf": nested("allOf"),
    "nested anyOf": nested("anyOf"),
    "unions in lists": unions_in_lists,
    "many files": many_files,
    "many patterns": many_patterns,
}
