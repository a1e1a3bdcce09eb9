"""Failures become codes with details: short, and without anything private."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.replicate.errors import ApiError, InvalidField, InvalidInput, TooLarge
from bot.runs.outcome import (
    FailureCode,
    FailureReason,
    failure_of,
    reason_of_create_error,
    reason_of_model_error,
    stored_sentence,
)
from tests.clock import VirtualClock
from tests.runs.environment import make_run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, FailureCode.NO_REASON),
        ("", FailureCode.NO_REASON),
        (
            "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (xyz)",
            FailureCode.MODERATION,
        ),
        (
            "NSFW content detected in all outputs. Try running it again, or try a different prompt.",
            FailureCode.MODERATION,
        ),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", FailureCode.OUT_OF_MEMORY),
        ("E1001", FailureCode.OUT_OF_MEMORY),
        ("Prediction interrupted; please retry (code: PA)", FailureCode.INTERRUPTED),
        ("Director: unexpected error handling prediction (E8765)", FailureCode.INTERRUPTED),
        ("Director: unexpected error handling prediction (E9828)", FailureCode.INTERRUPTED),
        ("Prediction failed: timeout starting (E6716)", FailureCode.NOT_STARTED),
        ("Service is currently unavailable due to high demand. Please try again later. (E003)", FailureCode.BUSY),
        ("Prediction timed out", FailureCode.TIMEOUT),
        ("list index out of range", FailureCode.MODEL),
    ],
)
def test_model_errors_are_recognized(error: str | None, code: FailureCode) -> None:
    assert reason_of_model_error(error).code is code


def test_wrappers_of_an_error_are_removed() -> None:
    reason = reason_of_model_error("Prediction failed: Async prediction failed: ModelError: No face found")
    assert reason == FailureReason(FailureCode.MODEL, message="No face found")


def test_a_traceback_is_reduced_to_its_last_line() -> None:
    trace = 'Traceback (most recent call last):\n  File "/src/predict.py", line 3\nValueError: width must be even\n'
    assert reason_of_model_error(trace).message == "width must be even"


@given(st.text(max_size=100), st.text(max_size=100))
def test_secrets_urls_and_paths_are_removed(before: str, after: str) -> None:
    secrets = ("r8_abcdefSECRET", "https://replicate.delivery/SECRET/x.png", "/src/SECRET/predict.py", "Bearer SECRET")
    for secret in secrets:
        assert "SECRET" not in (reason_of_model_error(f"{before} {secret} {after}").to_detail() or "")


@given(st.text(max_size=5000))
def test_a_message_is_one_short_line(error: str) -> None:
    message = reason_of_model_error(error).message
    assert len(message) <= 201
    assert "\n" not in message


def test_invalid_fields_are_named() -> None:
    fields = (
        InvalidField("input.output_format", "enum", 'output_format must be one of the following: "jpg", "png"'),
        InvalidField("input", "required", "prompt is required"),
        InvalidField("input.seed", "type", "expected integer"),
    )
    reason = reason_of_create_error(InvalidInput(status=422, title="Input validation failed", detail="", fields=fields))
    assert reason.code is FailureCode.INVALID_INPUT
    assert reason.fields == (
        'output_format must be one of the following: "jpg", "png"',
        "prompt is missing",
        "seed: expected integer",
    )


def test_an_unknown_version_has_a_code_of_its_own() -> None:
    error = InvalidInput(
        status=422,
        title="Invalid version or not permitted",
        detail="The specified version does not exist (or perhaps you don't have permission to use it?)",
    )
    assert reason_of_create_error(error).code is FailureCode.VERSION_NOT_FOUND


def test_refusals_keep_what_replicate_says() -> None:
    assert reason_of_create_error(TooLarge(status=413, title="", detail="")).code is FailureCode.TOO_LARGE
    teapot = reason_of_create_error(ApiError(status=418, title="", detail="I am a teapot"))
    assert teapot == FailureReason(FailureCode.REFUSED, message="I am a teapot")


@given(
    st.builds(
        FailureReason,
        st.sampled_from(FailureCode),
        message=st.text(max_size=50),
        fields=st.lists(st.text(max_size=20), max_size=3).map(tuple),
        deadline=st.none() | st.integers(1, 10_000),
    )
)
def test_a_reason_survives_the_row(reason: FailureReason) -> None:
    row = replace(make_run(VirtualClock()), cause=reason.code.value, failure=reason.to_detail())
    assert failure_of(row) == reason
    assert stored_sentence(row) is None


@pytest.mark.parametrize("failure", ["{", "[]", '{"fields": 3, "deadline": "soon"}', "{}", None])
def test_damaged_details_are_ignored(failure: str | None) -> None:
    row = replace(make_run(VirtualClock()), cause="model", failure=failure)
    assert failure_of(row) == FailureReason(FailureCode.MODEL)


def test_rows_of_earlier_versions_hold_a_sentence() -> None:
    row = replace(make_run(VirtualClock()), cause="memory", failure="The model ran out of memory.")
    assert stored_sentence(row) == "The model ran out of memory."


def test_an_unknown_code_gives_no_reason() -> None:
    row = replace(make_run(VirtualClock()), cause="from a later version", failure=json.dumps({"message": "x"}))
    assert failure_of(row) is None


@pytest.mark.parametrize("filler", ["x", "a/", "http:", "x:", "data", " ", "Error: ", "/@", "bearer "])
def test_a_long_error_is_read_at_both_ends(filler: str) -> None:
    assert reason_of_model_error(f"CUDA out of memory {filler * 400_000}").code is FailureCode.OUT_OF_MEMORY
    assert reason_of_model_error(f"{filler * 400_000} (E005)").code is FailureCode.MODERATION
    assert len(reason_of_model_error(filler * 400_000).message) <= 201


@pytest.mark.parametrize(
    "url", ["https://h.example/a", "see:http://h/x", "(postgres://u:p@h/db)", "x=s3://b//c", "jdbc:a:b//host/SECRET"]
)
def test_a_url_of_any_scheme_is_removed(url: str) -> None:
    message = reason_of_model_error(f"cannot open {url} now").message
    assert "//" not in message
    assert message.startswith("cannot open")
    assert message.endswith("now")
