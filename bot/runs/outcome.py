"""How a run ends: its state, and why it failed, as a code with the details that are needed to put it into words.

Nothing here is a sentence; ``bot.ui.render.strings`` words the codes. A message that a model or Replicate wrote is kept
as one short line without URLs, tokens, paths or stack traces.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from bot.backends.replicate.errors import (
    ApiError,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    NotSent,
    ReplicateError,
    Throttled,
    TooLarge,
    Unauthenticated,
)
from bot.backends.replicate.predictions import Prediction, Status
from bot.limits import ERROR_CHARS_READ
from bot.store.models import Run, RunState

_MESSAGE_CHARS: Final = 200
_FIELDS: Final = 3
# How close to the deadline an end must be to count as caused by it: clocks differ, and cancels take time.
_DEADLINE_TOLERANCE: Final = timedelta(seconds=15)


class FailureCode(StrEnum):
    """Why a run failed or was stopped. The values stand in the column ``cause``."""

    # The bot.
    INTERNAL = "internal"
    EXPIRED = "expired"  # the bot was offline for so long that the run is not worth starting
    NOT_SAVED = "not_saved"  # the database did not take it for so long that the run is not worth starting
    # Creating the prediction; nothing was billed, except maybe for LOST.
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    UPLOAD = "upload"
    TOKEN = "token"  # noqa: S105 - a code, not a secret
    CREDIT = "credit"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "no_model"
    VERSION_NOT_FOUND = "version"
    TOO_LARGE = "too_large"
    INVALID_INPUT = "input"
    REFUSED = "refused"
    LOST = "lost"  # no answer to the create request, and no prediction found
    # The prediction.
    FORGOTTEN = "forgotten"  # Replicate no longer knows it
    OUTPUT_TOO_LARGE = "output_too_large"  # Replicate's response is larger than this bot reads
    REMOVED = "removed"  # it succeeded, and its output was deleted before it could be read
    CANCELED_ELSEWHERE = "elsewhere"
    DEADLINE = "deadline"
    ABORTED = "aborted"  # the deadline passed before the model started
    OVERDUE = "overdue"  # Replicate did not end it
    # The model.
    MODERATION = "moderation"
    OUT_OF_MEMORY = "memory"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not_started"
    BUSY = "busy"
    PROVIDER = "provider"
    OUTPUT_UPLOAD = "output_upload"
    PLATFORM = "platform"
    TIMEOUT = "timeout"
    MODEL = "model"
    NO_REASON = "no_reason"


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why a run failed.

    ``message`` is what the model or Replicate wrote, cleaned. ``fields`` are the inputs that the model did not accept,
    each with why. ``deadline`` is the longest time that the run was allowed to take, in seconds.
    """

    code: FailureCode
    message: str = ""
    fields: tuple[str, ...] = ()
    deadline: int | None = None

    def to_detail(self) -> str | None:
        """Return everything but the code as a JSON object for the column ``failure``, None if there is nothing."""
        detail = {"message": self.message, "fields": list(self.fields), "deadline": self.deadline}
        detail = {name: value for name, value in detail.items() if value}
        return json.dumps(detail, ensure_ascii=False) if detail else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ends. ``prediction`` is the last poll of it, if there was one."""

    state: RunState
    reason: FailureReason | None = None
    prediction: Prediction | None = None

    @classmethod
    def failed(cls, code: FailureCode) -> "Outcome":
        """Return a failure that needs no details."""
        return cls(state=RunState.FAILED, reason=FailureReason(code))


CANCELED: Final = Outcome(state=RunState.CANCELED)


class StreamResult(StrEnum):
    """How a prediction ended according to its stream; polling has the last word."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


def failure_of(run: Run) -> FailureReason | None:
    """Return why a run failed, read from its row; None if the row gives no reason that this version knows."""
    if run.cause is None or run.cause not in _CODES:
        return None
    detail = _read_detail(run.failure)
    fields = detail.get("fields")
    deadline = detail.get("deadline")
    return FailureReason(
        FailureCode(run.cause),
        message=str(detail.get("message", "")),
        fields=tuple(map(str, fields)) if isinstance(fields, list) else (),
        deadline=deadline if isinstance(deadline, int) else None,
    )


def stored_sentence(run: Run) -> str | None:
    """Return the sentence that a row of an earlier version holds in ``failure``; newer rows hold JSON or nothing."""
    return run.failure if run.failure and not run.failure.startswith("{") else None


_CODES: Final = frozenset(code.value for code in FailureCode)


def _read_detail(failure: str | None) -> Mapping[str, Any]:
    if not failure or not failure.startswith("{"):
        return {}
    try:
        detail = json.loads(failure)
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}


def outcome_of_prediction(
    prediction: Prediction,
    *,
    has_output: bool,
    cancel_requested: bool,
    stream_error: str | None,
    deadline: timedelta,
) -> Outcome:
    """Return how a run ends whose prediction is over.

    ``has_output`` is whether anything can be shown, ``cancel_requested`` whether somebody asked this bot to cancel it,
    ``stream_error`` the error that the stream reported.
    """
    state, reason = RunState.SUCCEEDED, None
    match prediction.status:
        case Status.FAILED:
            state, reason = RunState.FAILED, reason_of_model_error(prediction.error or stream_error)
        case Status.CANCELED | Status.ABORTED if cancel_requested:
            state = RunState.CANCELED
        case Status.ABORTED:
            state, reason = RunState.ABORTED, deadline_reason(FailureCode.ABORTED, deadline)
        case Status.CANCELED:
            state, reason = RunState.CANCELED, _reason_of_foreign_cancel(prediction, deadline)
        case Status.OTHER if prediction.error:
            state, reason = RunState.FAILED, reason_of_model_error(prediction.error)
        case _ if prediction.data_removed and not has_output:
            state, reason = RunState.FAILED, FailureReason(FailureCode.REMOVED)
    return Outcome(state=state, reason=reason, prediction=prediction)


def outcome_of_stream(result: StreamResult | None, *, reason: FailureReason, stream_error: str | None) -> Outcome:
    """Return how a run ends whose prediction is lost: as its stream said, else failed for ``reason``."""
    match result:
        case StreamResult.SUCCEEDED:
            return Outcome(state=RunState.SUCCEEDED)
        case StreamResult.CANCELED:
            return CANCELED
        case StreamResult.FAILED:
            return Outcome(state=RunState.FAILED, reason=reason_of_model_error(stream_error))
        case None:
            return Outcome(state=RunState.FAILED, reason=reason)


def is_over(prediction: Prediction) -> bool:
    """Return whether a prediction cannot change any more; one with an unknown status is over once it has an end."""
    if prediction.status is Status.OTHER:
        return prediction.completed_at is not None
    return prediction.status.terminal


def deadline_reason(code: FailureCode, deadline: timedelta) -> FailureReason:
    """Return a reason that names the deadline."""
    return FailureReason(code, deadline=round(deadline.total_seconds()))


def _reason_of_foreign_cancel(prediction: Prediction, deadline: timedelta) -> FailureReason:
    ended = prediction.completed_at
    if ended is not None and ended - prediction.created_at >= deadline - _DEADLINE_TOLERANCE:
        return deadline_reason(FailureCode.DEADLINE, deadline)
    return FailureReason(FailureCode.CANCELED_ELSEWHERE)


_CREATE_ERRORS: Final[tuple[tuple[type[ReplicateError], FailureCode], ...]] = (
    (NotSent, FailureCode.UNREACHABLE),
    (Throttled, FailureCode.THROTTLED),
    (Unauthenticated, FailureCode.TOKEN),
    (InsufficientCredit, FailureCode.CREDIT),
    (Forbidden, FailureCode.FORBIDDEN),
    (NotFound, FailureCode.MODEL_NOT_FOUND),
    (TooLarge, FailureCode.TOO_LARGE),
)


def reason_of_create_error(error: ReplicateError) -> FailureReason:
    """Return why Replicate did not accept a create request."""
    if isinstance(error, InvalidInput):
        return _reason_of_invalid_input(error)
    for kind, code in _CREATE_ERRORS:
        if isinstance(error, kind):
            return FailureReason(code)
    if isinstance(error, ApiError):
        return FailureReason(FailureCode.REFUSED, message=clean_error(error.detail or error.title))
    return FailureReason(FailureCode.UNREACHABLE)


def reason_of_upload_error(error: ReplicateError) -> FailureReason:
    """Return why Replicate did not accept an input file."""
    unclear = isinstance(error, (NoResponse, InvalidResponse))
    return FailureReason(FailureCode.UPLOAD) if unclear else reason_of_create_error(error)


def _reason_of_invalid_input(error: InvalidInput) -> FailureReason:
    if error.fields:
        fields = tuple(_describe_field(field) for field in error.fields[:_FIELDS])
        return FailureReason(FailureCode.INVALID_INPUT, fields=fields)
    if "version" in f"{error.title} {error.detail}".lower():
        return FailureReason(FailureCode.VERSION_NOT_FOUND)
    message = clean_error(error.detail or error.title).removeprefix("- ")
    return FailureReason(FailureCode.INVALID_INPUT, message=message)


def _describe_field(field: InvalidField) -> str:
    name = field.field.removeprefix("input").removeprefix(".")
    description = clean_error(field.description) or "cannot be used as it is"
    if field.type == "required":
        return description.replace(" is required", " is missing")
    if not name or description.lower().startswith(name.lower()):
        return description
    return f"{name}: {description}"


# What real models and Replicate itself write into ``error``; the first pattern that matches decides.
_MODEL_ERRORS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (
            r"\bE005\b|flagged|nsfw|safety (?:filter|system|checker)|content policy|moderation|sensitive content",
            FailureCode.MODERATION,
        ),
        (r"\bE1001\b|out of memory|\bOOM\b", FailureCode.OUT_OF_MEMORY),
        (
            r"interrupted|code: PA\b|\bE8765\b|\bE9828\b|\bE8367\b|director:|already exists",
            FailureCode.INTERRUPTED,
        ),
        (r"\bE6716\b|\bE9243\b|setup timed? ?out|failed to start", FailureCode.NOT_STARTED),
        (
            r"\bE003\b|\bE004\b|high demand|queue reached limit|rate limit|temporarily unavailable",
            FailureCode.BUSY,
        ),
        (r"\bE001\b|\bE002\b", FailureCode.PROVIDER),
        (r"\bE9825\b", FailureCode.OUTPUT_UPLOAD),
        (r"\bE1000\b", FailureCode.PLATFORM),
        (r"timed? ?out", FailureCode.TIMEOUT),
    )
)


def reason_of_model_error(error: str | None) -> FailureReason:
    """Return why a model failed, from the error that it wrote."""
    error = _ends(error or "")
    for pattern, code in _MODEL_ERRORS:
        if pattern.search(error):
            return FailureReason(code)
    message = clean_error(error)
    return FailureReason(FailureCode.MODEL, message=message) if message else FailureReason(FailureCode.NO_REASON)


_PREFIX: Final = re.compile(
    r"^(?:(?:async )?prediction failed:|generator iteration error:|[a-z_.]*(?:error|exception):)\s*", re.IGNORECASE
)
# Each is linear: nothing that can be long stands before something that may be missing.
_SCHEME: Final = re.compile(r"\b[a-z][a-z0-9+.-]{0,40}:", re.IGNORECASE)
_PRIVATE: Final = re.compile(
    r"\bdata:\S+|\b(?:r8|hf|sk|whsec|ghp)_\S+|\bbearer \S+|(?<![\w.])/(?:[\w.@-]+/)+[\w.@-]*", re.IGNORECASE
)


def clean_error(text: str) -> str:
    """Return an error text as one short line: the last line of a traceback, without URLs, tokens and paths."""
    text = _ends(text)
    if "Traceback (most recent call last)" in text:
        text = text.rstrip().rpartition("\n")[2]
    text = _PRIVATE.sub("…", " ".join(map(_hide_url, text.split())))
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    if len(text) > _MESSAGE_CHARS:
        text = text[:_MESSAGE_CHARS].rsplit(" ", 1)[0] + "…"
    return text.rstrip(".")


def _ends(text: str) -> str:
    """Return the beginning and the end of a text that is too long to be searched: the cause stands in one of them."""
    half = ERROR_CHARS_READ // 2
    return text if len(text) <= ERROR_CHARS_READ else f"{text[:half]} … {text[-half:]}"


def _hide_url(word: str) -> str:
    """Return a word without the URL in it: from a scheme with "//" somewhere behind it to the end."""
    slashes = word.rfind("//", 0, -1)
    scheme = _SCHEME.search(word, 0, slashes) if slashes > 0 else None
    return word if scheme is None else f"{word[: scheme.start()]}…"
