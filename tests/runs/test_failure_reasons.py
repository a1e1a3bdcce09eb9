"""Failures become sentences: true, short, and without anything that is nobody's business."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.replicate.errors import ApiError, InvalidField, InvalidInput, TooLarge
from bot.runs import failure_reasons


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (None, "no_reason"),
        ("", "no_reason"),
        (
            "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (xyz)",
            "moderation",
        ),
        ("NSFW content detected in all outputs. Try running it again, or try a different prompt.", "moderation"),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", "memory"),
        ("E1001", "memory"),
        ("Prediction interrupted; please retry (code: PA)", "interrupted"),
        ("Director: unexpected error handling prediction (E8765)", "interrupted"),
        ("Director: unexpected error handling prediction (E9828)", "interrupted"),
        ("Prediction failed: timeout starting (E6716)", "not_started"),
        ("Service is currently unavailable due to high demand. Please try again later. (E003)", "busy"),
        ("Prediction timed out", "timeout"),
        ("list index out of range", "model"),
    ],
)
def test_what_models_write_is_understood(error: str | None, cause: str) -> None:
    assert failure_reasons.from_model_error(error).cause == cause


def test_a_wrapped_error_is_told_without_its_wrapping() -> None:
    said = failure_reasons.from_model_error(
        "Prediction failed: Async prediction failed: ModelError: No face found"
    ).sentence
    assert "“No face found”" in said
    assert "Prediction failed" not in said


def test_a_stack_trace_is_told_by_its_last_line() -> None:
    trace = 'Traceback (most recent call last):\n  File "/src/predict.py", line 3\nValueError: width must be even\n'
    said = failure_reasons.from_model_error(trace).sentence
    assert "width must be even" in said
    assert "predict.py" not in said


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_secret_url_or_path_gets_through(before: str, after: str) -> None:
    secrets = ("r8_abcdefSECRET", "https://replicate.delivery/SECRET/x.png", "/src/SECRET/predict.py", "Bearer SECRET")
    for secret in secrets:
        assert "SECRET" not in failure_reasons.from_model_error(f"{before} {secret} {after}").sentence


@given(st.text(max_size=5000))
def test_a_reason_is_one_short_line(error: str) -> None:
    said = failure_reasons.from_model_error(error).sentence
    assert len(said) < 300
    assert "\n" not in said


def test_invalid_fields_are_named() -> None:
    fields = (
        InvalidField("input.output_format", "enum", 'output_format must be one of the following: "jpg", "png"'),
        InvalidField("input", "required", "prompt is required"),
        InvalidField("input.seed", "type", "expected integer"),
    )
    reason = failure_reasons.from_create_error(
        InvalidInput(status=422, title="Input validation failed", detail="", fields=fields)
    )
    assert reason.cause == "input"
    for words in ('output_format must be one of the following: "jpg", "png"', "prompt is missing", "seed: expected"):
        assert words in reason.sentence


def test_an_unknown_version_is_the_owners_to_mend() -> None:
    error = InvalidInput(
        status=422,
        title="Invalid version or not permitted",
        detail="The specified version does not exist (or perhaps you don't have permission to use it?)",
    )
    assert failure_reasons.from_create_error(error).cause == "version"


def test_every_refusal_has_its_sentence() -> None:
    assert failure_reasons.from_create_error(TooLarge(status=413, title="", detail="")).cause == "too_large"
    assert (
        "teapot" in failure_reasons.from_create_error(ApiError(status=418, title="", detail="I am a teapot")).sentence
    )


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (90, "90 seconds"),
        (60, "1 minute"),
        (1800, "30 minutes"),
        (3600, "1 hour"),
        (7200, "2 hours"),
        (5400, "90 minutes"),
    ],
)
def test_spans_are_told_as_people_tell_them(span: int, words: str) -> None:
    assert failure_reasons.format_span(timedelta(seconds=span)) == words
