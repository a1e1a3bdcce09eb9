"""Failures become codes with details: short, and without anything private."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.errors import ApiError, InvalidField, InvalidInput, TooLarge
from bot.backends.prediction import Prediction, Status
from bot.runs.outcome import (
    FailureCode,
    FailureReason,
    Outcome,
    failure_of,
    reason_of_create_error,
    reason_of_missing_outputs,
    reason_of_model_error,
    stored_sentence,
)
from bot.store.models import RunState
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
        ("TimeoutError", FailureCode.TIMEOUT),
        ("Inference timeout exceeded after 600 s", FailureCode.TIMEOUT),
        ("Request 0 already exists.", FailureCode.INTERRUPTED),
        ("Your request was rejected by the safety system.", FailureCode.MODERATION),
        ("Output contains NSFW content", FailureCode.MODERATION),
        ("Rate limit exceeded, slow down", FailureCode.BUSY),
        ("torch.cuda.OutOfMemoryError: no", FailureCode.OUT_OF_MEMORY),
        # A file that the model could not get is not a model that took too long.
        ("HTTPSConnectionPool(host='example.test', port=443): Read timed out. (read timeout=10)", FailureCode.DOWNLOAD),
        ("Failed to download https://example.test/a.png: timed out", FailureCode.DOWNLOAD),
        ("<urlopen error [Errno 110] Connection timed out>", FailureCode.DOWNLOAD),
        ("Timeout while fetching the image", FailureCode.DOWNLOAD),
        ("404 Client Error: Not Found for url: https://example.test/a.png", FailureCode.DOWNLOAD),
        # Words that stand in errors of another kind.
        ("The file out.png already exists", FailureCode.MODEL),
        ("A LoRA of this name already exists", FailureCode.MODEL),
        ("timeout must be at most 600", FailureCode.MODEL),
        ("Unknown option: rate limit", FailureCode.MODEL),
        ("Keyboard interrupted the audio track", FailureCode.MODEL),
        ("Resource temporarily unavailable", FailureCode.MODEL),
        ("ffmpeg failed to start", FailureCode.MODEL),
        ("Could not load the moderation model", FailureCode.MODEL),
        ("safety checker weights are missing", FailureCode.MODEL),
        ("deprecated: flagged parameters are gone", FailureCode.MODEL),
        ("art director: unknown style", FailureCode.MODEL),
        ("Robot E005 has no face", FailureCode.MODEL),
        ("Size 1E1000 is too large", FailureCode.MODEL),
        # What is quoted is a prompt, a name or a value.
        ("Unknown style 'content policy, timed out'", FailureCode.MODEL),
        ('Cannot draw "an out of memory error (E1001)"', FailureCode.MODEL),
        # Only the last line of a traceback tells the cause.
        (
            "Traceback (most recent call last):\n  File nsfw.py, flagged as nsfw content\nValueError: no face",
            FailureCode.MODEL,
        ),
        # Colours do not hide it.
        ("\x1b[31mCUDA out of \x1b[1mmemory\x1b[0m", FailureCode.OUT_OF_MEMORY),
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


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("\x1b[31mNo face\x1b[0m found", "No face found"),
        (r"\u001b[1mNo face\u001b[0m found", "No face found"),
        ("\x1b]0;title\x07No face\x07 found\x00", "No face found"),
        ("No \u202eecaf\u2066 found\u200b\ufeff", "No ecaf found"),
        ("No face\r\x1b[2K\nfound", "No face found"),
        ("\x1b[1mValueError:\x1b[0m No face found", "No face found"),
        ("\x1b[33m" * 500 + "No face found", "No face found"),
    ],
)
def test_a_message_is_plain_text(error: str, message: str) -> None:
    assert reason_of_model_error(error).message == message
    field = InvalidField("input.\x1b[31mface\u202e", "type", error)
    refused = InvalidInput(status=422, title="", detail=error, fields=(field,))
    assert reason_of_create_error(refused).fields == (f"face: {message}",)
    assert reason_of_create_error(InvalidInput(status=422, title="", detail=error)).message == message


@pytest.mark.parametrize(
    "error", ["error: " * 20_000, "a:" * 30_000, "'" * 60_000, "download " * 8_000, "\x1b[" * 30_000]
)
def test_a_long_error_is_read_at_once(error: str) -> None:
    began = time.monotonic()
    reason_of_model_error(error)
    assert time.monotonic() - began < 1  # quadratic work takes many


def test_a_version_is_only_blamed_by_its_own_refusal() -> None:
    other = InvalidInput(status=422, title="Input validation failed", detail="- input: api_version is too old")
    assert reason_of_create_error(other) == FailureReason(
        FailureCode.INVALID_INPUT, message="input: api_version is too old"
    )


def test_a_field_keeps_its_whole_name() -> None:
    field = InvalidField("input_image", "type", "expected a URL")
    refused = InvalidInput(status=422, title="", detail="", fields=(field,))
    assert reason_of_create_error(refused).fields == ("input_image: expected a URL",)


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


NSFW = "Random seed set to: 4\nNot returning image 2 as it has NSFW content.\n"


@pytest.mark.parametrize(
    ("outputs", "logs", "state", "reason"),
    [
        (["a"], NSFW, RunState.SUCCEEDED, FailureReason(FailureCode.FILTERED)),
        (["a"], "", RunState.SUCCEEDED, None),
        (["a", "b"], NSFW, RunState.SUCCEEDED, None),
        ("a", NSFW, RunState.SUCCEEDED, None),
        (["a"], NSFW, RunState.CANCELED, None),
    ],
)
def test_outputs_that_the_models_filter_held_back_are_known(
    outputs: list[str] | str, logs: str, state: RunState, reason: FailureReason | None
) -> None:
    clock = VirtualClock()
    run = replace(make_run(clock), expected=2)
    prediction = Prediction(
        id="p",
        model="m",
        version="v",
        status=Status.SUCCEEDED,
        created_at=clock.now(),
        output=outputs,
        logs=logs,
    )
    assert reason_of_missing_outputs(run, Outcome(state=state, prediction=prediction)) == reason
    assert reason_of_missing_outputs(run, Outcome(state=state)) is None
    assert reason_of_missing_outputs(replace(run, expected=None), Outcome(state=state, prediction=prediction)) is None


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
