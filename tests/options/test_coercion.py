"""Values that people enter, as the model's values; a bad value gets a sentence that names the option and the fix."""

from typing import Any

import pytest

from bot.options.parse import parse_options
from tests.options.samples import TEXT, URI, error_for, layout_of

VOICES = {"enum": [f"voice {n}" for n in range(40)]}
PAIR = {"type": "object", "required": ["w"], "properties": {"w": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, "4.5", "`it` must be a whole number (you entered “4.5”)."),
        ({"type": "integer", "minimum": 1}, 0, "`it` must be at least 1 (you entered 0)."),
        ({"type": "integer", "maximum": 2**64}, 2**65, f"`it` must be at most {2**64} (you entered {2**65})."),
        ({"type": "integer", "multipleOf": 8}, 9, "`it` must be a multiple of 8."),
        ({"type": "number"}, "1,5", "`it` must be a number, such as 0.5 (you entered “1,5”)."),
        ({"type": "number", "exclusiveMinimum": 0}, 0.0, "`it` must be more than 0."),
        ({"type": "number"}, "1e999", "`it` must be a number, such as 0.5 (you entered “1e999”)."),
        ({"type": "boolean"}, "maybe", "`it` must be on or off (you entered “maybe”)."),
        ({"type": "string", "minLength": 3}, "ab", "`it` must have at least 3 characters (you entered 2)."),
        ({"type": "string", "maxLength": 3}, "abcd", "`it` must have at most 3 characters (you entered 4)."),
        ({"type": "string", "pattern": "^[a-z]+$"}, "A1", "`it` must match the pattern ^[a-z]+$."),
        (VOICES, "voic 7", "`it` has no choice “voic 7”. Did you mean voice 7, voice 17, or voice 27?"),
        (VOICES, "zzz", "`it` has no choice “zzz”. Start typing and pick one from the list."),
        ({"type": "array", "items": {"type": "integer"}}, "1, x", "`it` must be a whole number (you entered “x”)."),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "a, c", "`it` must be one of a, b (you entered “c”)."),
        ({"type": "array", "items": TEXT, "maxItems": 1}, "a, b", "`it` accepts at most 1 item (you entered 2)."),
        ({"type": "object"}, "{", '`it` must be valid JSON, like `{"key": "value"}` (error at character 2).'),
        ({"type": "object"}, "[1]", "`it` must be an object {…}."),
        ({"type": "object"}, '{"a": NaN}', '`it` must be valid JSON, like `{"key": "value"}`.'),
        (PAIR, "{}", "`it` needs “w”."),
        (PAIR, '{"w": "1"}', "`it` (at w) must be a whole number."),
        ({"type": "array", "items": URI, "maxItems": 1}, 2 * ["https://a"],
         "`it` accepts at most 1 file (you added 2)."),
    ],
)  # fmt: skip
def test_bad_value_is_explained(schema: dict[str, Any], value: Any, expected: str) -> None:
    layout = layout_of({"it": schema})
    key = "it_url" if layout.option("it_url") else "it"
    assert error_for(layout, {key: value}) == expected.replace("`it`", f"`{key}`", 1)


@pytest.mark.parametrize(
    "address",
    [
        "see https://x.example", "http://[::1", "data:image/png;base64,AAAA", "https://", "javascript:alert(1)",
        "file:///etc/passwd", "//x.example/a", "https://x.example:0/", "https://x.example/a b", "",
    ],
)  # fmt: skip
def test_unusable_web_address_is_rejected(address: str) -> None:
    sentence = error_for(layout_of({"it": URI}), {"it_url": address})
    assert sentence == f"`it_url` must be a web address that starts with https:// (you entered “{address}”)."


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer", "maximum": 2**64}, str(2**63), 2**63),
        ({"type": "integer"}, 4.0, 4),
        ({"type": "integer"}, " 1_000 ", 1000),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "number"}, "2", 2),
        ({"type": "boolean"}, "off", False),
        ({"type": "integer", "nullable": True}, "null", None),
        ({"enum": ["K_EULER", "DDIM"]}, "ddim", "DDIM"),
        ({"enum": [1, "1"]}, 1, 1),
        ({"enum": [1.5, 2]}, 2.0, 2),
        ({"enum": ["a" * 150, "b"]}, "a" * 150, "a" * 150),
        ({"type": "array", "items": TEXT}, 'one, "two, three"', ["one", "two, three"]),
        ({"type": "array", "items": TEXT}, "one\ntwo, three", ["one", "two, three"]),
        ({"type": "array", "items": TEXT}, '["a"]', ["a"]),
        ({"type": "array", "items": {"type": "number"}}, "1, 2.5", [1, 2.5]),
        ({"type": "array", "items": URI}, "https://a.example/x,https://b.example", ["https://a.example/x", "https://b.example"]),
        (URI, "<https://a.example/x>", "https://a.example/x"),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"anyOf": [{"type": "integer"}, TEXT]}, "seven", "seven"),
        ({"anyOf": [{"type": "integer"}, TEXT]}, "7", 7),
    ],
)  # fmt: skip
def test_value_is_read_leniently(schema: dict[str, Any], value: Any, expected: Any) -> None:
    layout = layout_of({"it": schema})
    key = "it_url" if layout.option("it_url") else "it"
    parsed = parse_options(layout, {key: value}).input["it"]
    assert (parsed, type(parsed)) == (expected, type(expected))


def test_choice_sent_by_discord_becomes_the_models_own() -> None:
    layout = layout_of({"it": {"enum": ["", " padded", "x" * 140 + "a", "x" * 140 + "b"]}})
    option = layout.option("it")
    assert option is not None
    values = [parse_options(layout, {"it": choice.value}).input["it"] for choice in option.choices]
    assert values == ["", " padded", "x" * 140 + "a", "x" * 140 + "b"]
