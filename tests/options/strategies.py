"""Hypothesis strategies for OpenAPI documents, each input with a value that its model accepts.

They cover the whole grammar that models use, with odd names, huge enums, long descriptions and every plane of
Unicode. ``Sample.value`` is the value that a person wants to set; a file is the word FILE or an address.
"""

from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

FILE = "<a file>"
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_WORDS = st.builds("{}{}".format, st.sampled_from('aé日🜂="\\{[“-7'), _TEXT)
_DESCRIPTIONS = st.one_of(
    st.none(),
    st.just(""),
    _TEXT,
    st.text("Lorem ipsum, dolor\n\t`sit*", min_size=90, max_size=400),
    st.just("An image. See [the docs](https://example.com/a) for *more* `words`.\u2028\u202e"),
)
_KEYS = st.one_of(
    st.sampled_from(
        ["prompt", "seed", "image", "images", "image_url", "advanced", "class", "CFG", "top-p", "maxTokens"]
    ),
    st.text(min_size=0, max_size=50),
    st.text("abcXYZ_ é", min_size=30, max_size=60),
)
_INTEGERS = st.integers(-(2**70), 2**70)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@dataclass
class Sample:
    """One input: its schema, the components it references, and a value."""

    schema: dict[str, Any]
    value: Any
    components: dict[str, Any] = field(default_factory=dict)


@st.composite
def strings(draw: st.DrawFn) -> Sample:
    value = draw(_WORDS)
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxLength"] = draw(st.integers(len(value), 100_000))
    if draw(st.booleans()):
        schema["default"] = draw(_TEXT)
    return Sample(schema, value)


@st.composite
def integers(draw: st.DrawFn) -> Sample:
    low, value, high = sorted(draw(st.lists(_INTEGERS, min_size=3, max_size=3)))
    schema: dict[str, Any] = {"type": "integer"}
    if draw(st.booleans()) or low < -(2**53) or high > 2**53:
        schema |= {"minimum": low, "maximum": high, "default": draw(st.sampled_from([low, high]))}
    return Sample(schema, value)


@st.composite
def numbers(draw: st.DrawFn) -> Sample:
    low, value, high = sorted(draw(st.lists(_NUMBERS, min_size=3, max_size=3)))
    return Sample({"type": "number", "minimum": low, "maximum": high}, value)


@st.composite
def booleans(draw: st.DrawFn) -> Sample:
    return Sample({"type": "boolean", "default": draw(st.booleans())}, draw(st.booleans()))


@st.composite
def enums(draw: st.DrawFn) -> Sample:
    elements: st.SearchStrategy[Any] = draw(
        st.sampled_from([_TEXT, _INTEGERS, st.integers(-9, 99), st.text("x", min_size=80, max_size=220)])
    )
    choices = draw(st.lists(elements, min_size=1, max_size=60, unique=True))
    if draw(st.booleans()):
        choices = [*choices, *[f"choice number {n}" for n in range(draw(st.sampled_from([1, 200])))]]
    value = draw(st.sampled_from(choices))
    kinds = {type(choice) for choice in choices}
    enum: dict[str, Any] = {"enum": choices}
    if len(kinds) == 1:
        enum["type"] = "integer" if kinds == {int} else "string"
    form = draw(st.sampled_from(["inline", "allOf", "ref", "anyOf", "nullable"]))
    if form == "inline":
        return Sample({**enum, "default": choices[0]}, value)
    if form == "nullable":
        return Sample({"anyOf": [enum, {"type": "null"}]}, value)
    # Samples share one document, so a component is named for its content.
    name = f"choices_{crc32(repr(enum).encode())}"
    reference = {"$ref": f"#/components/schemas/{name}"}
    schema = reference if form == "ref" else {form: [reference]}
    return Sample(schema, value, {name: {**enum, "title": name, "description": "An enumeration."}})


@st.composite
def files(draw: st.DrawFn) -> Sample:
    schemas: list[dict[str, Any]] = [
        {"type": "string", "format": "uri"},
        {"type": "string", "format": "uri", "anyOf": []},
        {"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]},
        {"type": "string", "format": "uri", "nullable": True, "x-cog-accept": "*/*"},
    ]
    schema = draw(st.sampled_from(schemas))
    return Sample(dict(schema), draw(st.sampled_from([FILE, "https://example.com/a.png?x=1&y=2"])))


@st.composite
def file_lists(draw: st.DrawFn) -> Sample:
    value = draw(st.lists(st.sampled_from([FILE, "http://example.com/b"]), min_size=1, max_size=3))
    value.sort(key=lambda part: part != FILE)
    schema: dict[str, Any] = {"type": "array", "items": {"type": "string", "anyOf": [], "format": "uri"}}
    if draw(st.booleans()):
        schema["maxItems"] = draw(st.integers(len(value), 30))
    return Sample(schema, value)


@st.composite
def lists(draw: st.DrawFn) -> Sample:
    kind, elements = draw(st.sampled_from([("string", _WORDS), ("integer", _INTEGERS), ("number", _NUMBERS)]))
    value = draw(st.lists(elements, min_size=1, max_size=4))
    return Sample({"type": "array", "items": {"type": kind}}, value)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-999, 999), _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def objects(draw: st.DrawFn) -> Sample:
    value = draw(st.dictionaries(_WORDS, _JSON, min_size=1, max_size=3))
    return Sample({"type": "object", "additionalProperties": True}, value)


@st.composite
def anything(draw: st.DrawFn) -> Sample:
    value = draw(_JSON.filter(lambda found: found is not None))
    schema = draw(
        st.sampled_from([{}, {"anyOf": [{"type": t} for t in ("string", "integer", "boolean", "object", "array")]}])
    )
    return Sample(dict(schema), value)


@st.composite
def loops(draw: st.DrawFn) -> Sample:
    """A tree that references itself."""
    name = "tree"
    reference = {"$ref": f"#/components/schemas/{name}"}
    tree = {"type": "object", "properties": {"child": reference, "leaf": {"type": "string"}}}
    return Sample(dict(reference), {"child": {"leaf": draw(_WORDS)}}, {name: tree})


_SAMPLES = st.one_of(
    strings(),
    integers(),
    numbers(),
    booleans(),
    enums(),
    files(),
    file_lists(),
    lists(),
    objects(),
    anything(),
    loops(),
)


@dataclass
class Document:
    """An OpenAPI document and a value for each of its inputs."""

    openapi: dict[str, Any]
    values: dict[str, Any]
    required: list[str]


@st.composite
def documents(draw: st.DrawFn, max_inputs: int = 60) -> Document:
    count = draw(st.one_of(st.integers(0, 12), st.integers(20, max_inputs)))
    # Many small draws make Hypothesis slow: a few samples are drawn and reused under different names.
    samples = draw(st.lists(_SAMPLES, min_size=1, max_size=8))
    keys = draw(st.lists(_KEYS, min_size=min(count, 8), max_size=8, unique=True)) if count else []
    keys = [*keys, *(f"Input number {n}" for n in range(count - len(keys)))]
    descriptions = draw(st.lists(_DESCRIPTIONS, min_size=1, max_size=5))
    properties: dict[str, Any] = {}
    components: dict[str, Any] = {}
    for number, key in enumerate(keys):
        sample = samples[number % len(samples)]
        words = descriptions[number % len(descriptions)]
        properties[key] = {**sample.schema, "x-order": draw(_order(number)) if number < 8 else number}
        if words is not None:
            properties[key]["description"] = words
        components |= sample.components
    required = (
        [key for number, key in enumerate(keys) if draw(st.booleans()) and number < 30] if draw(st.booleans()) else []
    )
    body = {"type": "object", "title": "Input", "properties": properties, "required": required}
    values = {key: samples[number % len(samples)].value for number, key in enumerate(keys)}
    return Document({"components": {"schemas": {"Input": body, **components}}}, values, required)


def _order(number: int) -> st.SearchStrategy[Any]:
    return st.sampled_from([number, -number, str(number), None, "first", 1.5, True, {}])
