"""Predictions are parsed leniently; what cannot be parsed raises InvalidResponse."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.errors import InvalidResponse
from bot.backends.prediction import Prediction, Status
from bot.backends.replicate.api import decode_object
from bot.backends.replicate.predictions import parse_prediction
from tests.backends.replicate.fake_server import prediction


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.OTHER])
def test_every_status_is_parsed(status: Status) -> None:
    assert parse_prediction(prediction(status=status.value)).status is status


@pytest.mark.parametrize("word", ["queued", "successful", "other", "", "STARTING"])
def test_an_unknown_status_is_other_and_not_terminal(word: str) -> None:
    assert parse_prediction(prediction(status=word)).status is Status.OTHER
    assert not Status.OTHER.terminal


@pytest.mark.parametrize(
    ("stamp", "micros"),
    [
        ("2025-07-29T07:21:33.309Z", 309000),
        ("2025-07-29T07:21:33.375980Z", 375980),
        ("2025-07-29T07:21:33.136427877Z", 136427),
        ("2025-07-29T07:21:33Z", 0),
        ("2025-07-29T07:21:33", 0),
        ("2025-07-29T09:21:33+02:00", 0),
    ],
)
def test_times_may_have_any_precision_and_are_utc(stamp: str, micros: int) -> None:
    read = parse_prediction(prediction(created_at=stamp, started_at=stamp))
    assert read.created_at == datetime(2025, 7, 29, 7, 21, 33, micros, UTC)
    assert read.started_at is not None
    assert read.started_at.utcoffset() == read.created_at.utcoffset()


@pytest.mark.parametrize("stamp", [None, "", "soon", 5, "0001-01-01T00:00:00+23:00", {}])
def test_an_invalid_time_is_none(stamp: object) -> None:
    assert parse_prediction(prediction(completed_at=stamp)).completed_at is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, None),
        ("", ""),
        ("CUDA out of memory.", "CUDA out of memory."),
        ({"detail": "no"}, '{"detail": "no"}'),
        (["a", 1], '["a", 1]'),
        (17, "17"),
    ],
)
def test_an_error_of_any_json_type_is_text(error: object, text: str | None) -> None:
    assert parse_prediction(prediction(error=error)).error == text


def test_missing_and_null_members_have_defaults() -> None:
    bare = parse_prediction({"id": "x", "status": "processing", "created_at": "2025-07-29T07:21:33Z"})
    assert (bare.logs, bare.input, bare.metrics, bare.output, bare.error) == ("", {}, {}, None, None)
    assert (bare.stream_url, bare.data_removed) == (None, False)
    nulls = parse_prediction(prediction(logs=None, metrics=None, input=None, urls=None, model=None, version=None))
    assert (nulls.logs, nulls.metrics, nulls.input, nulls.stream_url, nulls.model) == ("", {}, {}, None, "")


@pytest.mark.parametrize("url", ["", None, 3, "ftp://x/y", "javascript:x", ["https://x/"]])
def test_an_invalid_stream_url_is_none(url: object) -> None:
    assert parse_prediction(prediction(urls={"stream": url})).stream_url is None


def test_the_stream_url_is_not_in_the_repr() -> None:
    assert "capability" not in repr(parse_prediction(prediction()))


def test_surrogates_are_joined_or_replaced() -> None:
    read = parse_prediction(
        decode_object(rb'{"id":"x","status":"x","created_at":"2025-07-29","output":["\ud83d\ude00 \ud83d","\u2028"]}')
    )
    assert read.output == ["😀 �", "\u2028"]


@pytest.mark.parametrize("missing", ["id", "status", "created_at"])
def test_errors_name_missing_members_and_quote_no_values(missing: str) -> None:
    data = prediction(input={"prompt": "a private prompt"})
    data[missing] = {"a private": "value"}
    with pytest.raises(InvalidResponse, match=missing) as caught:
        parse_prediction(data)
    assert "private" not in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b"\xff\xfe", b"{", b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_no_object_raises(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        decode_object(body)


def test_deeply_nested_json_raises_invalid_response() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidResponse):
        parse_prediction(prediction(output=deep))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keys = [name for name in prediction() if name not in ("id", "status", "created_at")]


@given(
    st.fixed_dictionaries(
        {"id": json_values, "status": json_values, "created_at": json_values},
        optional=dict.fromkeys([*keys, "started_at", "metrics", "something new"], json_values),
    )
)
def test_any_object_is_parsed_or_raises_invalid_response(data: dict[str, Any]) -> None:
    try:
        read = parse_prediction(data)
    except InvalidResponse:
        return
    assert isinstance(read, Prediction)
    json.dumps([read.output, read.input, read.logs, read.error], ensure_ascii=False).encode()


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*keys, "started_at", "metrics"], json_values)))
def test_optional_members_never_make_a_prediction_invalid(more: dict[str, Any]) -> None:
    assert parse_prediction(prediction(**more)).status is Status.STARTING
