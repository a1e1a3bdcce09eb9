"""JSON of any size and depth is read whole: the large parts as text, everything else as values."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.large_json import InvalidJson, LargeJson, contains_large, encode, load, read_object
from bot.limits import JSON_CHARS_HELD

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)
LARGE = ("output",)


def read(output: str, *more: str) -> Any:
    body = '{"id": "a", "output": ' + output + ', "status": "succeeded"' + "".join(more) + "}"
    members = read_object(body.encode(), LARGE)
    assert (members["id"], members["status"]) == ("a", "succeeded")
    return members["output"]


def whole(value: Any) -> Any:
    return load("".join(encode(value)))


@given(st.dictionaries(st.text(), JSON))
def test_small_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    for indent in (None, 2):
        assert read_object(json.dumps(value, indent=indent).encode(), list(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}}", "[]", '"a"', '{"a"}', '{"a": }', '{"a": 1,}', '{"a": 1 "b": 2}', "{1: 2}", '{"a": [}', "\xff"],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidJson):
        read_object(text.encode("latin-1"), LARGE)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InvalidJson):
        assert isinstance(read_object(body, LARGE, LARGE), dict)


@pytest.mark.parametrize("digits", [4000, 4400, 100_000])
def test_a_number_of_any_length_is_kept(digits: int) -> None:
    number = "7" * digits
    assert str(read(number)) == number
    assert [str(each) for each in read(f"[-{number}, 1]")] == [f"-{number}", "1"]


@pytest.mark.parametrize("opening", ["[", '{"a": '])
@pytest.mark.parametrize("depth", [40, 500, 100_000])
def test_json_of_any_depth_is_kept(opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"
    text = opening * depth + '"]}"' + closing * depth
    value = read(text)
    assert contains_large(value)
    assert "".join(encode(value)).replace(" ", "") == text.replace(" ", "")


LARGE_VALUES: dict[str, Any] = {
    "numbers": [n / 7 for n in range(20_000)],
    "objects": [{"n": n, "inner": [n, {}]} for n in range(20_000)],
    "keys": {f"key {n}": f"text {n}" for n in range(20_000)},
    "mixed": {"text": "word " * 30_000, "vector": [n / 7 for n in range(20_000)]},
    "files": [{"image": f"https://h.example/{n}", "boxes": [[n, n]] * 100} for n in range(500)],
    "urls": [f"https://h.example/{n}" for n in range(20_000)],
    "pieces": [f" word{n}" for n in range(20_000)],
}


@pytest.mark.parametrize("kind", LARGE_VALUES)
def test_large_json_is_kept_whole_and_small(kind: str) -> None:
    value = LARGE_VALUES[kind]
    held = read(json.dumps(value))
    expanded = whole(held)
    if kind == "urls":
        expanded = [*expanded[:-1], *expanded[-1]]
    assert expanded == value
    assert count_nodes(held) <= 25_000
    page = read_object(json.dumps({"results": [{"output": value}, 1, None]}).encode(), LARGE, ["results"])
    assert count_nodes(page) <= 25_000


def test_texts_beside_large_data_stay_texts() -> None:
    held = read(json.dumps(LARGE_VALUES["mixed"]))
    assert held["text"] == LARGE_VALUES["mixed"]["text"]
    assert isinstance(held["vector"], LargeJson)


def test_a_long_text_stays_a_text() -> None:
    text = "x" * (JSON_CHARS_HELD * 3)
    assert read(json.dumps(text)) == text
    assert read(json.dumps([text, text])) == [text, text]


def count_nodes(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_nodes, inner))
