"""Whatever JSON a model gives becomes words, files and data, in its order."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.outputs.pretty import pretty
from bot.outputs.shape import DataPiece, FilePiece, Piece, Streamed, TextPiece, pieces, streamed

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


def files(*urls: str) -> tuple[Piece, ...]:
    return tuple(FilePiece(index, url) for index, url in enumerate(urls))


@pytest.mark.parametrize(
    ("output", "schema", "expected"),
    [
        (None, URI, ()),
        ("", STRING, ()),
        ([], URIS, ()),
        ({}, {}, ()),
        ([None, ""], URIS, ()),
        ("  \n", STRING, ()),
        ("hello", STRING, (TextPiece("hello"),)),
        ("hello", {}, (TextPiece("hello"),)),
        (["Fizz", " Bu", "zz", ""], WORDS, (TextPiece("Fizz Buzz"),)),
        (["n: ", 4, None], WORDS, (TextPiece("n: 4"),)),
        (["a", "b"], {"type": "array", "items": STRING}, (TextPiece("a\nb"),)),
        (["one\ntwo", None, "three"], {}, (TextPiece("one\ntwo\n\nthree"),)),
        (["To", "k", "ens", " flow"], {}, (TextPiece("Tokens flow"),)),
        (["see", A], {}, (TextPiece("see"), FilePiece(0, A))),
        (A, URI, files(A)),
        ([A, B, C], URI_ITERATOR, files(A, B, C)),
        ([A, None, C], URIS, files(A, C)),
        ([[A, B], [C]], {"type": "array", "items": URIS, "x-cog-array-type": "iterator"}, files(A, B, C)),
        ([A], URI, files(A)),
        (A, URIS, files(A)),
        (DATA, URI, files(DATA)),
        (DATA, STRING, files(DATA)),
        (ELSEWHERE, URI, files(ELSEWHERE)),
        (ELSEWHERE, STRING, (TextPiece(ELSEWHERE),)),
        (A, STRING, (TextPiece(A),)),
        (A, {}, files(A)),
        (ELSEWHERE, {}, (TextPiece(ELSEWHERE),)),
        (f"See {A}", URI, (TextPiece(f"See {A}"),)),
        ("file:///etc/passwd", URI, (TextPiece("file:///etc/passwd"),)),
        ("data: is what we need, always", URI, (TextPiece("data: is what we need, always"),)),
        (0.5, {"type": "number"}, (TextPiece("0.5"),)),
        (False, {"type": "boolean"}, (TextPiece("false"),)),
        ([0.1, 0.2], {"type": "array", "items": {"type": "number"}}, (DataPiece(0, [0.1, 0.2]),)),
        ([[1, 2], [3]], {}, (DataPiece(0, [[1, 2], [3]]),)),
        ([{"text": "Caption: a dog"}], STRING, (TextPiece("Caption: a dog"),)),
        ([{"label": "cat", "box": [1, 2]}], {}, (DataPiece(0, [{"label": "cat", "box": [1, 2]}]),)),
    ],
)
def test_every_shape_of_output(output: Any, schema: dict[str, Any], expected: tuple[Piece, ...]) -> None:
    assert pieces(output, schema) == expected


def test_an_object_gives_its_files_and_words_under_their_keys() -> None:
    schema = {
        "type": "object",
        "properties": {"image": URI, "mask": URI, "prompt": STRING, "seed": {"type": "integer"}},
    }
    output = {"image": A, "prompt": "a fox", "mask": B, "seed": 7}
    assert pieces(output, schema) == (
        FilePiece(0, A, "image"),
        TextPiece("a fox"),
        FilePiece(1, B, "mask"),
        DataPiece(2, {"seed": 7}),
    )


def test_several_words_keep_their_keys_as_labels() -> None:
    assert pieces({"title": "One", "story": "Two"}, {}) == (TextPiece("One", "title"), TextPiece("Two", "story"))


def test_a_list_of_objects_gives_them_in_turn() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"file": URI, "text": STRING}}}
    assert pieces([{"file": A, "text": "one"}, {"file": B, "text": "two"}], schema) == (
        FilePiece(0, A, "file"),
        TextPiece("one"),
        FilePiece(1, B, "file"),
        TextPiece("two"),
    )


def test_a_transcript_is_words_and_its_timings_are_data() -> None:
    output = {"segments": [{"start": 0}], "transcription": "Well, " * 20, "detected_language": "english"}
    assert pieces(output, {}) == (
        TextPiece("Well, " * 20),
        DataPiece(0, {"segments": [{"start": 0}], "detected_language": "english"}),
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
def test_whole_lines_of_an_iterator_stay_lines_and_pieces_of_words_are_joined(output: list[str], text: str) -> None:
    unmarked = {"type": "array", "items": STRING, "x-cog-array-type": "iterator"}
    assert pieces(output, unmarked) == (TextPiece(text),)
    assert pieces(output, WORDS) == (TextPiece("".join(output)),)


def test_alternatives_of_a_schema_are_all_allowed() -> None:
    schema = {"anyOf": [{"type": "null"}, {"allOf": [URIS]}, {"type": "object", "properties": {"zip": URI}}]}
    assert pieces([ELSEWHERE], schema) == files(ELSEWHERE)
    assert pieces({"zip": ELSEWHERE}, schema) == (FilePiece(0, ELSEWHERE, "zip"),)


def test_items_with_an_empty_anyof_are_still_files() -> None:
    assert pieces([ELSEWHERE], {"type": "array", "items": {**URI, "anyOf": []}}) == files(ELSEWHERE)


def test_the_hosts_that_files_come_from_can_be_named() -> None:
    assert pieces("http://127.0.0.1:5000/f.png", {}, hosts=["127.0.0.1"]) == files("http://127.0.0.1:5000/f.png")


def test_a_host_that_only_ends_like_a_delivery_host_is_not_one() -> None:
    address = "https://evil-replicate.delivery/x.png"
    assert pieces(address, {}) == (TextPiece(address),)


def test_half_characters_do_not_reach_discord() -> None:
    assert pieces(["\ud83d", "\ude00", " \ud800"], WORDS) == (TextPiece("😀 \ufffd"),)


def test_addresses_stand_in_no_repr() -> None:
    assert "replicate" not in repr(FilePiece(0, A))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (STRING, Streamed.TEXT),
        (WORDS, Streamed.TEXT),
        ({"type": "array", "items": STRING, "x-cog-array-type": "iterator"}, Streamed.TEXT),
        (URI, Streamed.FILES),
        (URIS, Streamed.FILES),
        (URI_ITERATOR, Streamed.FILES),
        ({"type": "array", "items": URIS, "x-cog-array-type": "iterator"}, Streamed.NONE),
        ({"type": "array", "items": STRING}, Streamed.NONE),
        ({"type": "object", "properties": {"file": URI}}, Streamed.NONE),
        ({"type": "number"}, Streamed.NONE),
        ({}, Streamed.NONE),
    ],
)
def test_how_a_stream_is_read_follows_from_the_schema(schema: dict[str, Any], expected: Streamed) -> None:
    assert streamed(schema) is expected


@pytest.mark.parametrize("schema", [URI_ITERATOR, URIS])
@pytest.mark.parametrize("hosts", [A, "https://a.example/x/"])
def test_file_events_and_the_finished_prediction_give_the_same_pieces(schema: dict[str, Any], hosts: str) -> None:
    urls = [f"{hosts}{number}" for number in range(3)]
    grown = [pieces(urls[:size], schema) for size in range(4)]
    assert all(after[: len(before)] == before for before, after in pairwise(grown))


@pytest.mark.parametrize("schema", [WORDS, STRING])
def test_word_events_and_the_finished_prediction_give_the_same_pieces(schema: dict[str, Any]) -> None:
    chunks = ["One", " two", "\n", "three"]
    assert pieces("".join(chunks), schema) == pieces(chunks if schema is WORDS else "".join(chunks), schema)


def test_one_file_streamed_is_the_file_of_the_prediction() -> None:
    assert pieces([ELSEWHERE], URI) == pieces(ELSEWHERE, URI)


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


def everything(found: tuple[Piece, ...]) -> str:
    words = [piece.text if isinstance(piece, TextPiece) else "" for piece in found]
    words += [piece.url for piece in found if isinstance(piece, FilePiece)]
    words += [text for piece in found if isinstance(piece, DataPiece) for text in strings(piece.data)]
    return "\0".join(words)


@settings(max_examples=400, deadline=None)
@given(JSON, SCHEMAS | JUNK)
@example({"a": [{"b": [A]}]}, {})
def test_any_output_with_any_schema_loses_no_word_and_no_address(output: Any, schema: dict[str, Any]) -> None:
    found = pieces(output, schema)
    seen = everything(found)
    assert all(text in seen for text in strings(output) if text.strip())
    indices = [piece.index for piece in found if not isinstance(piece, TextPiece)]
    assert indices == list(range(len(indices)))


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON, max_size=6), SCHEMAS, st.integers(0, 6))
def test_files_keep_their_indices_as_a_list_of_files_grows(more: list[Any], schema: dict[str, Any], size: int) -> None:
    output = [A, *more]
    before, after = pieces(output[: size + 1], schema), pieces(output, schema)
    if all(isinstance(item, str) for item in output) and not any(isinstance(piece, TextPiece) for piece in after):
        assert after[: len(before)] == before


def test_what_nobody_could_nest_by_hand_is_read_too() -> None:
    deep: Any = [A]
    for _ in range(500):
        deep = [deep]
    (piece,) = pieces(deep, {})
    assert isinstance(piece, DataPiece)
    assert pretty(piece.data)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_pretty_json_reads_back_the_same(value: Any) -> None:
    assert json.loads(pretty(value)) == value


def test_pretty_json_fills_its_lines_with_numbers() -> None:
    lines = pretty({"embedding": [0.5] * 100}).splitlines()
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
def test_a_real_output_is_read_as_a_person_would(model: str, expected: str) -> None:
    path = MODELS / f"{model}.json"
    if not path.exists():
        pytest.skip("the recorded models lie beside the checkout, and are not there")
    payload = json.loads(path.read_text())
    schemas = payload["latest_version"]["openapi_schema"]["components"]["schemas"]
    schema = schemas["Output"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    found = pieces((payload["default_example"] or {}).get("output"), schema)
    assert "".join("t" if isinstance(piece, TextPiece) else "f" for piece in found) == expected
    assert not any(isinstance(piece, DataPiece) for piece in found)
