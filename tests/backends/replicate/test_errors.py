"""Failed responses become errors, whatever their bodies look like."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.errors import (
    ApiError,
    BackendError,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    NoResponse,
    NotFound,
    Throttled,
    TooLarge,
    Unauthenticated,
)
from bot.backends.replicate.errors import DEFAULT_RETRY_AFTER, error_from_response
from tests.backends.replicate.fake_server import InstantClock, problem_response

NOW = InstantClock().now()


def error_of(response: httpx.Response) -> BackendError:
    error = error_from_response(response, now=NOW)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthenticated),
        (402, InsufficientCredit),
        (403, Forbidden),
        (404, NotFound),
        (409, ApiError),
        (413, TooLarge),
        (422, InvalidInput),
        (429, Throttled),
        (500, NoResponse),
        (502, NoResponse),
        (524, NoResponse),
        (408, NoResponse),
    ],
)
@pytest.mark.parametrize("body", ["json", "html", "empty"])
def test_the_status_decides_the_error_whatever_the_body(status: int, error: type[BackendError], body: str) -> None:
    bodies = {
        "json": problem_response(status, "The detail.", "The title"),
        "html": httpx.Response(status, html="<html>A page</html>"),
        "empty": httpx.Response(status),
    }
    found = error_of(bodies[body])
    assert type(found) is error
    assert "<html>" not in str(found)
    assert len(str(found)) > 3


def test_an_error_keeps_the_title_and_detail() -> None:
    error = error_of(problem_response(402, "You have insufficient credit.", "Insufficient credit"))
    assert isinstance(error, InsufficientCredit)
    assert (error.status, error.title, error.detail) == (402, "Insufficient credit", "You have insufficient credit.")


def test_invalid_input_names_its_fields() -> None:
    fields = [{"type": "required", "field": "input", "description": "prompt is required"}, "odd", {"field": None}]
    error = error_of(
        problem_response(422, "- input: prompt is required\n", "Input validation failed", invalid_fields=fields)
    )
    assert isinstance(error, InvalidInput)
    assert error.fields == (InvalidField("input", "required", "prompt is required"), InvalidField("", "", ""))


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"retry_after": 7, "detail": "resets in ~9s."}, {"retry-after": "8"}, 7),
        ({"retry_after": True, "detail": ""}, {"retry-after": "8"}, 8),
        ({"detail": "Your rate limit resets in ~30s."}, {}, 30),
        ({"detail": "Your rate limit resets in ~30s."}, {"retry-after": "nonsense"}, 30),
        ({"detail": ""}, {"retry-after": "Thu, 01 Jan 2026 00:00:12 GMT"}, 12),
        ({"detail": ""}, {"retry-after": "Thu, 01 Jan 2025 00:00:12 GMT"}, 0),
        ({"detail": ""}, {}, DEFAULT_RETRY_AFTER),
        ({"retry_after": -3}, {}, 0),
        ({"retry_after": 1e300}, {}, 3600),
    ],
)
def test_retry_after_comes_from_body_then_header_then_text(
    body: dict[str, Any], headers: dict[str, str], seconds: float
) -> None:
    error = error_of(httpx.Response(429, json=body, headers=headers))
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


def test_a_redirect_is_an_error_without_its_target() -> None:
    error = error_of(httpx.Response(301, headers={"location": "https://elsewhere.example.test/"}))
    assert isinstance(error, ApiError)
    assert "elsewhere.example.test" not in str(error)


@given(status=st.integers(300, 599), body=st.binary(max_size=200), wait=st.text(max_size=30).filter(str.isascii))
def test_every_failed_response_becomes_an_error(status: int, body: bytes, wait: str) -> None:
    headers = {"retry-after": "".join(letter for letter in wait if letter.isprintable())}
    error = error_of(httpx.Response(status, content=body, headers=headers))
    if isinstance(error, Throttled):
        assert 0 <= error.retry_after <= 3600


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    status=st.sampled_from([401, 404, 422, 429]),
    body=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("title", "detail", "retry_after", "invalid_fields"), json_values)
    ),
)
def test_a_problem_may_contain_any_json(status: int, body: dict[str, Any]) -> None:
    error = error_of(httpx.Response(status, content=json.dumps(body).encode()))
    assert isinstance(error, ApiError)
    str(error).encode()
