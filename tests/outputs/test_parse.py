"""Any JSON that a model returns becomes texts, files and data, in its order."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.large_json import LargeJson
from bot.limits import OUTPUTS_SHOWN
from bot.outputs.json_format import format_json
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText, StreamKind, parse_output, stream_kind

URI = {"type": "string", "format": "uri"}
STRING = {"type": "string"}
URIS = {"type": "array", "items": URI}
URI_ITERATOR = {**URIS, "x-cog-array-type": "iterator"}
WORDS = {
    "type": "array",
    "items": STRING,
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
A, B, C = (f"https://replicate.delivery/xezq/{name}/out.webp" for name in "abc")
ELSEWHERE = "https://www.example.com/page"
DATA = "data:image/png;base64,iVBORw0KGgo="


def files(*urls: str) -> tuple[RawOutput, ...]:
    return tuple(RawFile(index, url) for index, url in enumerate(urls))


@pytest.mark.parametrize(
    ("output", "schema", "expected"),
    [
        (None, URI, ()),
        ("", STRING, ()),
        ([], URIS, ()),
        ({}, {}, ()),
        ([None, ""], URIS, ()),
        ("  \n", STRING, ()),
        ("hello", STRING, (RawText("hello"),)),
        ("hello", {}, (RawText("hello"),)),
        (["Fizz", " Bu", "zz", ""], WORDS, (RawText("Fizz Buzz"),)),
        (["n: ", 4, None], WORDS, (RawText("n: 4"),)),
        (["a", "b"], {"type": "array", "items": STRING}, (RawText("a\nb"),)),
        (["one\ntwo", None, "three"], {}, (RawText("one\ntwo\n\nthree"),)),
        (["To", "k", "ens", " flow"], {}, (RawText("Tokens flow"),)),
        (["see", A], {}, (RawText("see"), RawFile(0, A))),
        (A, URI, files(A)),
        ([A, B, C], URI_ITERATOR, files(A, B, C)),
        ([A, None, C], URIS, files(A, C)),
        ([[A, B], [C]], {"type": "array", "items": URIS, "x-cog-array-type": "iterator"}, files(A, B, C)),
        ([A], URI, files(A)),
        (A, URIS, files(A)),
        (DATA, URI, files(DATA)),
        (DATA, STRING, files(DATA)),
        (ELSEWHERE, URI, files(ELSEWHERE)),
        (ELSEWHERE, STRING, (RawText(ELSEWHERE),)),
        (A, STRING, (RawText(A),)),
        (A, {}, files(A)),
        (ELSEWHERE, {}, (RawText(ELSEWHERE),)),
        (f"See {A}", URI, (RawText(f"See {A}"),)),
        ("file:///etc/passwd", URI, (RawText("file:///etc/passwd"),)),
        ("data: is what we need, always", URI, (RawText("data: is what we need, always"),)),
        (0.5, {"type": "number"}, (RawText("0.5"),)),
        (False, {"type": "boolean"}, (RawText("false"),)),
        ([0.1, 0.2], {"type": "array", "items": {"type": "number"}}, (RawData(0, [0.1, 0.2]),)),
        ([[1, 2], [3]], {}, (RawData(0, [[1, 2], [3]]),)),
        ([{"text": "Caption: a dog"}], STRING, (RawText("Caption: a dog"),)),
        ([{"label": "cat", "box": [1, 2]}], {}, (RawData(0, [{"label": "cat", "box": [1, 2]}]),)),
    ],
)
def test_every_kind_of_output(output: Any, schema: dict[str, Any], expected: tuple[RawOutput, ...]) -> None:
    assert parse_output(output, schema) == expected


def test_an_object_gives_files_and_texts_with_labels() -> None:
    schema = {
        "type": "object",
        "properties": {"image": URI, "mask": URI, "prompt": STRING, "seed": {"type": "integer"}},
    }
    output = {"image": A, "prompt": "a fox", "mask": B, "seed": 7}
    assert parse_output(output, schema) == (
        RawFile(0, A, "image"),
        RawText("a fox"),
        RawFile(1, B, "mask"),
        RawData(2, {"seed": 7}),
    )


def test_several_texts_have_their_keys_as_labels() -> None:
    assert parse_output({"title": "One", "story": "Two"}, {}) == (RawText("One", "title"), RawText("Two", "story"))


def test_a_list_of_objects_keeps_its_order() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"file": URI, "text": STRING}}}
    assert parse_output([{"file": A, "text": "one"}, {"file": B, "text": "two"}], schema) == (
        RawFile(0, A, "file"),
        RawText("one"),
        RawFile(1, B, "file"),
        RawText("two"),
    )


def test_a_transcript_is_text_and_its_timings_are_data() -> None:
    output = {"segments": [{"start": 0}], "transcription": "Well, " * 20, "detected_language": "english"}
    assert parse_output(output, {}) == (
        RawText("Well, " * 20),
        RawData(0, {"segments": [{"start": 0}], "detected_language": "english"}),
    )


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (["A first line.", "A second line."], "A first line.\nA second line."),
        (["Fiz", "z ", "Buzz is", " a"], "Fizz Buzz is a"),
        (["你", "好"], "你好"),
        (["One line alone."], "One line alone."),
    ],
)
def test_lines_stay_lines_and_pieces_are_concatenated(output: list[str], text: str) -> None:
    unmarked = {"type": "array", "items": STRING, "x-cog-array-type": "iterator"}
    assert parse_output(output, unmarked) == (RawText(text),)
    assert parse_output(output, WORDS) == (RawText("".join(output)),)


def test_all_alternatives_of_a_schema_are_allowed() -> None:
    schema = {"anyOf": [{"type": "null"}, {"allOf": [URIS]}, {"type": "object", "properties": {"zip": URI}}]}
    assert parse_output([ELSEWHERE], schema) == files(ELSEWHERE)
    assert parse_output({"zip": ELSEWHERE}, schema) == (RawFile(0, ELSEWHERE, "zip"),)


def test_items_with_an_empty_anyof_are_files() -> None:
    assert parse_output([ELSEWHERE], {"type": "array", "items": {**URI, "anyOf": []}}) == files(ELSEWHERE)


def test_file_hosts_are_configurable() -> None:
    assert parse_output("http://127.0.0.1:5000/f.png", {}, hosts=["127.0.0.1"]) == files("http://127.0.0.1:5000/f.png")


def test_a_host_with_a_similar_suffix_is_not_allowed() -> None:
    address = "https://evil-replicate.delivery/x.png"
    assert parse_output(address, {}) == (RawText(address),)


def test_lone_surrogates_are_replaced() -> None:
    assert parse_output(["\ud83d", "\ude00", " \ud800"], WORDS) == (RawText("😀 \ufffd"),)


def test_urls_are_not_in_the_repr() -> None:
    assert "replicate" not in repr(RawFile(0, A))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (STRING, StreamKind.TEXT),
        (WORDS, StreamKind.TEXT),
        ({"type": "array", "items": STRING, "x-cog-array-type": "iterator"}, StreamKind.TEXT),
        (URI, StreamKind.FILES),
        (URIS, StreamKind.FILES),
        (URI_ITERATOR, StreamKind.FILES),
        ({"type": "array", "items": URIS, "x-cog-array-type": "iterator"}, StreamKind.NONE),
        ({"type": "array", "items": STRING}, StreamKind.NONE),
        ({"type": "object", "properties": {"file": URI}}, StreamKind.NONE),
        ({"type": "number"}, StreamKind.NONE),
        ({}, StreamKind.NONE),
    ],
)
def test_the_schema_decides_the_stream_kind(schema: dict[str, Any], expected: StreamKind) -> None:
    assert stream_kind(schema) is expected


@pytest.mark.parametrize("schema", [URI_ITERATOR, URIS])
@pytest.mark.parametrize("hosts", [A, "https://a.example/x/"])
def test_streamed_files_equal_those_of_the_prediction(schema: dict[str, Any], hosts: str) -> None:
    urls = [f"{hosts}{number}" for number in range(3)]
    grown = [parse_output(urls[:size], schema) for size in range(4)]
    assert all(after[: len(before)] == before for before, after in pairwise(grown))


@pytest.mark.parametrize("schema", [WORDS, STRING])
def test_streamed_text_equals_that_of_the_prediction(schema: dict[str, Any]) -> None:
    chunks = ["One", " two", "\n", "three"]
    assert parse_output("".join(chunks), schema) == parse_output(chunks if schema is WORDS else "".join(chunks), schema)


def test_one_streamed_file_is_that_of_the_prediction() -> None:
    assert parse_output([ELSEWHERE], URI) == parse_output(ELSEWHERE, URI)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([A, DATA, ELSEWHERE]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)
SCHEMAS = st.recursive(
    st.sampled_from([{}, URI, STRING, {"type": "number"}, {"format": "uri"}, {"type": ["string", "null"]}]),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda items: {"type": "array", "items": items, "x-cog-array-type": "iterator"}, inner),
        st.dictionaries(st.text(max_size=4), inner, max_size=3).map(lambda of: {"type": "object", "properties": of}),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)  # fmt: skip
JUNK = JSON.filter(lambda value: isinstance(value, dict))


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return [text for item in inner for text in strings(item)]


def everything(found: tuple[RawOutput, ...]) -> str:
    words = [piece.text if isinstance(piece, RawText) else "" for piece in found]
    words += [piece.url for piece in found if isinstance(piece, RawFile)]
    words += [text for piece in found if isinstance(piece, RawData) for text in strings(piece.data)]
    return "\0".join(words)


@settings(max_examples=400, deadline=None)
@given(JSON, SCHEMAS | JUNK)
@example({"a": [{"b": [A]}]}, {})
def test_no_text_and_no_url_is_lost_with_any_schema(output: Any, schema: dict[str, Any]) -> None:
    found = parse_output(output, schema)
    seen = everything(found)
    assert all(text in seen for text in strings(output) if text.strip())
    indices = [piece.index for piece in found if not isinstance(piece, RawText)]
    assert indices == list(range(len(indices)))


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON, max_size=6), SCHEMAS, st.integers(0, 6))
def test_files_keep_their_indices_while_a_list_grows(more: list[Any], schema: dict[str, Any], size: int) -> None:
    output = [A, *more]
    before, after = parse_output(output[: size + 1], schema), parse_output(output, schema)
    if all(isinstance(item, str) for item in output) and not any(isinstance(piece, RawText) for piece in after):
        assert after[: len(before)] == before


def test_very_deep_nesting_is_parsed() -> None:
    deep: Any = [A]
    for _ in range(500):
        deep = [deep]
    (piece,) = parse_output(deep, {})
    assert isinstance(piece, RawData)
    assert format_json(piece.data)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_formatted_json_parses_to_the_same_value(value: Any) -> None:
    assert json.loads(format_json(value)) == value


def test_formatted_json_fills_lines_with_numbers() -> None:
    lines = format_json({"embedding": [0.5] * 100}).splitlines()
    assert 5 < len(lines) < 15
    assert max(map(len, lines)) <= 110


MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("black-forest-labs_flux-1.1-pro", "f"),
        ("black-forest-labs_flux-schnell", "f"),
        ("cjwbw_seamless_communication", "tf"),
        ("fofr_consistent-character", "fffff"),
        ("fofr_face-to-many", "f"),
        ("fofr_sd3-with-chaos", "fff"),
        ("ideogram-ai_ideogram-v2", "f"),
        ("lucataco_moondream2", "t"),
        ("lucataco_xtts-v2", "f"),
        ("meta_meta-llama-3-8b-instruct", ""),
        ("meta_musicgen", "f"),
        ("omniedgeio_face-swap", "f"),
        ("philz1337x_clarity-upscaler", "f"),
        ("recraft-ai_recraft-v3", "f"),
        ("salesforce_blip", "t"),
        ("smoretalk_rembg-enhance", "f"),
        ("snowflake_snowflake-arctic-instruct", "t"),
        ("stability-ai_sdxl", "f"),
        ("suno-ai_bark", "f"),
        ("yorickvp_llava-13b", "t"),
    ],
)
def test_real_outputs_are_parsed_as_expected(model: str, expected: str) -> None:
    path = MODELS / f"{model}.json"
    if not path.exists():
        pytest.skip("the recorded models lie beside the checkout, and are not there")
    payload = json.loads(path.read_text())
    schemas = payload["latest_version"]["openapi_schema"]["components"]["schemas"]
    schema = schemas["Output"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    found = parse_output((payload["default_example"] or {}).get("output"), schema)
    assert "".join("t" if isinstance(piece, RawText) else "f" for piece in found) == expected
    assert not any(isinstance(piece, RawData) for piece in found)


def test_more_files_than_are_shown_become_one_list() -> None:
    urls = [f"https://replicate.delivery/x/{n}.png" for n in range(OUTPUTS_SHOWN + 50)]
    *shown, rest = parse_output(urls, URIS)
    assert shown == [RawFile(n, url) for n, url in enumerate(urls[:OUTPUTS_SHOWN])]
    assert rest == RawData(OUTPUTS_SHOWN, urls[OUTPUTS_SHOWN:], "more")


def test_more_texts_than_are_shown_become_one_list() -> None:
    output = {f"part {n}": f"A text that is long enough to be prose, and not a value: {n:09d}" for n in range(300)}
    *shown, rest = parse_output(output, {})
    assert len(shown) == OUTPUTS_SHOWN
    assert isinstance(rest, RawData)
    assert [label for each in rest.data for label in each] == list(output)[OUTPUTS_SHOWN:]


def test_large_json_is_data_wherever_it_stands() -> None:
    large = LargeJson("[1, 2]")
    assert parse_output(large, {}) == (RawData(0, large),)
    assert parse_output({"image": A, "boxes": large}, {}) == (RawFile(0, A, "image"), RawData(1, {"boxes": large}))
    assert json.loads(format_json({"boxes": large, "n": 1})) == {"boxes": [1, 2], "n": 1}


def test_json_too_deep_for_a_layout_is_kept_as_it_is() -> None:
    text = "[" * 5000 + "]" * 5000
    assert text in format_json({"deep": LargeJson(text)})


def test_the_work_of_a_schema_with_many_alternatives_is_bounded() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(8):
        schema = {"anyOf": [schema] * 30}
    assert parse_output([["a"] * 50] * 50, schema)
