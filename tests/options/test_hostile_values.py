"""Whatever anybody enters: the model's input is sound JSON, or there is one sentence. Nothing else is ever raised."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import BadOption, UserError
from bot.limits import VALUE_DEPTH
from bot.media.types import find_references
from bot.options.autocomplete import suggest_values
from bot.options.form import build_form, restore_values
from bot.options.layout import OptionLayout
from bot.options.options import OptionRole
from bot.options.parse import ParsedOptions, parse_options
from tests.options.samples import TEXT, URI, error_for, layout_of

KINDS: dict[str, dict[str, Any]] = {
    "text": TEXT,
    "prompt": {"type": "string", "minLength": 1, "pattern": "^[^!]*$"},
    "choice": {"enum": ["one", "two", "\0three", "4"]},
    "number_choice": {"enum": [1, 2.5, 10**300, "1e999"]},
    "custom_choice": {"anyOf": [{"enum": ["a", "b"]}, TEXT]},
    "integer": {"type": "integer"},
    "num_outputs": {"type": "integer"},
    "bounded": {"type": "integer", "minimum": 0, "maximum": 2**70, "multipleOf": 3},
    "number": {"type": "number", "multipleOf": 0.1},
    "flag": {"type": "boolean"},
    "file": URI,
    "files": {"type": "array", "items": URI},
    "texts": {"type": "array", "items": TEXT, "uniqueItems": True},
    "numbers": {"type": "array", "items": {"type": "number"}},
    "integers": {"type": "array", "items": {"type": "integer"}},
    "choices": {"type": "array", "items": {"enum": ["one", "two", 3]}},
    "object": {"type": "object"},
    "anything": {},
    "union": {"anyOf": [{"type": "integer"}, TEXT, {"type": "object"}, {"type": "array"}]},
    "tree": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
    "nullable": {"type": "integer", "nullable": True},
}
LAYOUT = layout_of(KINDS)

_SCALARS = [
    "1e999", "-1e999", "1E400", "1e-999", "NaN", "Infinity", "-Infinity", "inf", "nan", "0x1p9999", "1_0", "٣", "½",
    "9" * 400, "9" * 5000, "-" + "9" * 5000, "1" + "0" * 309, "null", "true", '"\\ud800"', '"\\u0000"', "\ud800", "\0",
    "\0" * 6000, "http://[::1", "https://\ud800.example/", "https://x.example/" + "a" * 5900, "file:0",
    "file:" + "9" * 5000, "[" * 6000, '{"a":' * 1000, "[" * 900 + "]" * 900, "“", '"',
]  # fmt: skip
_SCALAR = st.one_of(st.sampled_from(_SCALARS), st.text(max_size=20), st.floats().map(str), st.integers().map(str))
_JSON = st.recursive(
    _SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=3).map(lambda parts: "{" + ", ".join(f'"k\\ud800": {part}' for part in parts) + "}"),
        st.tuples(st.integers(0, 1200), inner).map(lambda nest: "[" * nest[0] + nest[1] + "]" * nest[0]),
    ),
    max_leaves=5,
)
_RAW = st.recursive(  # as a command's defaults or an earlier run's input have them
    st.one_of(st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(), _SCALAR),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
_VALUE = st.one_of(_JSON, _JSON, st.lists(_SCALAR, max_size=4).map(", ".join), _RAW)
_PAIRS = st.lists(st.tuples(st.sampled_from([*KINDS, "x", "", "="]), _JSON), max_size=4).map(
    lambda pairs: " ".join(f"{key}={value}" for key, value in pairs)
)
many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def depth_of(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth_of, parts), default=0) if isinstance(value, dict | list) else 0


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(part)


def parse(layout: OptionLayout, values: dict[str, Any]) -> ParsedOptions | None:
    """Parse hostile values; None if they are refused with a sentence that can be shown."""
    try:
        return parse_options(layout, values)
    except UserError as error:
        sentence = error.sentence
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    assert len(sentence.encode()) < 1500
    return None


def assert_sound(parsed: ParsedOptions) -> None:
    """Check that the input can be stored, shown and sent."""
    json.dumps(parsed.input, allow_nan=False, ensure_ascii=False).encode()
    assert not any("\0" in text for text in texts_in(parsed.input))
    assert depth_of(dict(parsed.input)) <= VALUE_DEPTH + 1
    assert not find_references(parsed.input)
    assert parsed.expected_outputs is None or 0 < parsed.expected_outputs <= 10_000
    f"{parsed.prompt}{parsed.summary}".encode()


@many
@given(st.sampled_from(list(KINDS)), _VALUE)
def test_any_value_is_sound_or_refused(kind: str, value: Any) -> None:
    parsed = parse(LAYOUT, {f"{kind}_url" if kind in ("file", "files") else kind: value})
    if parsed is not None:
        assert_sound(parsed)


@many
@given(_PAIRS)
def test_any_advanced_text_is_sound_or_refused(text: str) -> None:
    layout = layout_of(KINDS | {f"more_{number}": TEXT for number in range(9)})
    assert layout.overflow
    parsed = parse(layout, {layout.advanced: text})
    if parsed is not None:
        assert_sound(parsed)
    option = layout.option(layout.advanced)
    assert option is not None
    for suggestion in suggest_values(layout, option, text):
        assert 0 < len(suggestion.label) <= 100
        assert 0 < len(suggestion.value) <= 100


@many
@given(st.dictionaries(st.sampled_from(list(KINDS)), _RAW, max_size=3), _PAIRS)
def test_any_answers_of_a_form_are_sound_or_refused(values: dict[str, Any], text: str) -> None:
    form = build_form(LAYOUT, restore_values(LAYOUT, values))
    for part in form.fields:
        assert len(part.value) <= 4000
    answers = {part.key: part.value for part in form.fields if part.kind != "files"}
    with suppress(UserError):
        parsed = parse(LAYOUT, form.parse_answers(answers | {LAYOUT.advanced: text}))
        if parsed is not None:
            assert_sound(parsed)


@many
@given(st.sampled_from([option.name for option in LAYOUT.options if option.choices]), _JSON)
def test_any_typed_text_gets_suggestions(name: str, typed: str) -> None:
    option = LAYOUT.option(name)
    assert option is not None
    assert option.role is OptionRole.VALUE
    for suggestion in suggest_values(LAYOUT, option, typed):
        assert 0 < len(suggestion.value) <= 100


TOO_LARGE = "`{}` has a number that is too large. Use a smaller one."
TOO_DEEP = "`{}` has more than 50 lists or objects inside each other. Use fewer."


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("object", '{"a": [{"b": 1e999}]}', TOO_LARGE),
        ("anything", "-1e999", TOO_LARGE),
        ("anything", "[1, 2, 1E400]", TOO_LARGE),
        ("union", '{"seed": ' + "9" * 5000 + "}", TOO_LARGE),
        ("numbers", "[1e999]", TOO_LARGE),
        ("integers", "[" + "9" * 5000 + "]", TOO_LARGE),
        ("integer", "9" * 400, TOO_LARGE),
        ("number", "1" + "0" * 309, TOO_LARGE),
        ("texts", "[1e999]", TOO_LARGE),
        ("object", '{"a": ' + "[" * 60 + "]" * 60 + "}", TOO_DEEP),
        ("texts", "[" * 3000, TOO_DEEP),
        ("texts", '["a", null]', "`{}` must be a list of texts."),
        ("texts", '["a", ["b"]]', "`{}` must be a list of texts."),
        ("numbers", "[[1]]", "`{}` must be a number, such as 0.5 (you entered “[…]”)."),
    ],
)
def test_a_value_no_model_can_be_sent_is_refused(kind: str, value: str, sentence: str) -> None:
    assert error_for(LAYOUT, {kind: value}) == sentence.format(kind)
    layout = layout_of(KINDS | {f"more_{number}": TEXT for number in range(9)})
    assert error_for(layout, {layout.advanced: f"{kind}={value}"}) == sentence.format(kind)


def test_small_numbers_and_long_ones_within_range_are_kept() -> None:
    parsed = parse_options(LAYOUT, {"number": "1e-999", "integer": "9" * 300, "object": '{"a": 1e308}'})
    assert parsed.input == {"number": 0.0, "integer": int("9" * 300), "object": {"a": 1e308}}


def test_what_nobody_can_see_is_left_out() -> None:
    parsed = parse_options(LAYOUT, {"prompt": "a\0b\ud800c", "object": '{"\\u0000k": "\\ud800"}'})
    assert parsed.input == {"prompt": "ab�c", "object": {"k": "�"}}
    assert parsed.prompt == "ab�c"


def test_a_count_without_bound_is_not_expected() -> None:
    assert parse_options(LAYOUT, {"num_outputs": "9" * 300}).expected_outputs is None
    assert parse_options(LAYOUT, {"num_outputs": 12}).expected_outputs == 12


def test_a_forged_reference_to_a_file_is_refused() -> None:
    for value in ("file:0", "file:99999"):
        with pytest.raises(BadOption, match="can't be exactly"):
            parse_options(LAYOUT, {"text": value})
    assert parse_options(LAYOUT, {"text": "file:" + "9" * 5000}).input["text"] == "file:" + "9" * 5000
