"""How a run ends: its state, and why it failed, as a code with the details that are needed to put it into words.

Nothing here is a sentence; ``bot.ui.render.strings`` words the codes. A message that a model or Replicate wrote is kept
as one short line without URLs, tokens, paths or stack traces, and without colours, controls or direction marks.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from bot.backends.errors import (
    ApiError,
    BackendError,
    Defect,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    NotSent,
    OutOfService,
    Throttled,
    TooLarge,
    Unauthenticated,
)
from bot.backends.prediction import Prediction, Status
from bot.formatting import remove_terminal_sequences, single_line
from bot.limits import ERROR_CHARS_READ
from bot.store.models import Run, RunState

_FIELDS: Final = 3
# How close to the deadline an end must be to count as caused by it: clocks differ, and cancels take time.
_DEADLINE_TOLERANCE: Final = timedelta(seconds=15)

# What a model or Replicate wrote about an error: of any length, by strangers.
_MESSAGE_CHARS: Final = 200
_TRACEBACK: Final = "Traceback (most recent call last)"
_PREFIX: Final = re.compile(
    r"^(?:(?:async )?prediction failed:|generator iteration error:|[a-z_.]*(?:error|exception):)\s*", re.IGNORECASE
)
# Each is linear: nothing that can be long stands before something that may be missing.
_SCHEME: Final = re.compile(r"\b[a-z][a-z0-9+.-]{0,40}:", re.IGNORECASE)
_PRIVATE: Final = re.compile(
    r"\bdata:\S+|\b(?:r8|hf|sk|whsec|ghp)_\S+|\bbearer \S+|(?<![\w.])/(?:[\w.@-]+/)+[\w.@-]*", re.IGNORECASE
)
# What stands in quotes is somebody's prompt, file name or value, not the model's own words.
_QUOTED: Final = re.compile(r"(?<![\w'])'[^'\n]{1,1000}'(?!\w)|\"[^\"\n]{1,1000}\"|“[^”\n]{1,1000}”|`[^`\n]{1,1000}`")


class FailureCode(StrEnum):
    """Why a run failed or was stopped. The values stand in the column ``cause``."""

    # The bot.
    INTERNAL = "internal"
    EXPIRED = "expired"  # the bot was offline for so long that the run is not worth starting
    NOT_SAVED = "not_saved"  # the database did not take it for so long that the run is not worth starting
    STEP_PICTURE = "step_picture"  # the step before it in a chain made no picture that it can take
    STEP_LIMIT = "step_limit"  # its author has reached a limit on runs, so this step of a chain was not started
    STEP_BUDGET = "step_budget"  # it would have cost more than a budget has left
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
    RETIRED = "retired"  # what ran it is no longer configured
    SETUP_FAILED = "setup_failed"  # the backend could not load the model
    SETUP_TOO_LONG = "setup_too_long"  # the backend has been loading the model for too long
    BROKEN = "broken"  # the backend has to be repaired
    # The prediction.
    FORGOTTEN = "forgotten"  # the backend no longer knows it
    SERVICE_RESTARTED = "service_restarted"  # the backend was restarted while it ran
    OUTPUT_TOO_LARGE = "output_too_large"  # Replicate's response is larger than this bot reads
    REMOVED = "removed"  # it succeeded, and its output was deleted before it could be read
    CANCELED_ELSEWHERE = "elsewhere"
    DEADLINE = "deadline"
    ABORTED = "aborted"  # it ended before the model started: the deadline passed, if there is one, or it was stopped
    OVERDUE = "overdue"  # Replicate did not end it
    # The model.
    FILTERED = "filtered"  # it succeeded, and its safety filter held back some of what it made
    MODERATION = "moderation"
    OUT_OF_MEMORY = "memory"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not_started"
    BUSY = "busy"
    PROVIDER = "provider"
    OUTPUT_UPLOAD = "output_upload"
    PLATFORM = "platform"
    DOWNLOAD = "download"  # the model could not get a file that it needs
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
    past_deadline: bool = False,
    stream_error: str | None,
    deadline: timedelta,
) -> Outcome:
    """Return how a run ends whose prediction is over.

    ``has_output`` is whether anything can be shown, ``cancel_requested`` whether somebody asked this bot to cancel it,
    ``past_deadline`` whether the bot itself did because of the deadline, ``stream_error`` the error that the stream
    reported.
    """
    state, reason = RunState.SUCCEEDED, None
    match prediction.status:
        case Status.FAILED:
            state, reason = RunState.FAILED, reason_of_model_error(prediction.error or stream_error)
        case Status.CANCELED | Status.ABORTED if cancel_requested:
            state = RunState.CANCELED
        case Status.ABORTED:
            state, reason = RunState.ABORTED, _reason_of_abort(prediction, deadline)
        case Status.CANCELED if past_deadline:
            state, reason = RunState.CANCELED, deadline_reason(FailureCode.DEADLINE, deadline)
        case Status.CANCELED:
            state, reason = RunState.CANCELED, _reason_of_foreign_cancel(prediction, deadline)
        case Status.OTHER if prediction.error:
            state, reason = RunState.FAILED, reason_of_model_error(prediction.error)
        case _ if prediction.data_removed and not has_output:
            state, reason = RunState.FAILED, FailureReason(FailureCode.REMOVED)
    return Outcome(state=state, reason=reason, prediction=prediction)


_FILTER_IN_LOGS: Final = re.compile(r"\bnsfw\b|\bsafety[ _-]?(?:filter|checker)\b", re.IGNORECASE)


def reason_of_missing_outputs(run: Run, outcome: Outcome) -> FailureReason | None:
    """Return why a run that succeeded has fewer outputs than were asked for; None if it has not, or nothing tells.

    Models that filter what they made return the rest, and say in their logs that they did.
    """
    prediction = outcome.prediction
    if outcome.state is not RunState.SUCCEEDED or prediction is None or run.expected is None:
        return None
    if not isinstance(prediction.output, list) or len(prediction.output) >= run.expected:
        return None
    return FailureReason(FailureCode.FILTERED) if _FILTER_IN_LOGS.search(prediction.logs) else None


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
    if _lasted_for(prediction, deadline):
        return deadline_reason(FailureCode.DEADLINE, deadline)
    return FailureReason(FailureCode.CANCELED_ELSEWHERE)


def _reason_of_abort(prediction: Prediction, deadline: timedelta) -> FailureReason:
    """Return why a prediction ended before it started: the deadline passed, or Replicate stopped it sooner."""
    if _lasted_for(prediction, deadline):
        return deadline_reason(FailureCode.ABORTED, deadline)
    return FailureReason(FailureCode.ABORTED)


def _lasted_for(prediction: Prediction, deadline: timedelta) -> bool:
    ended = prediction.completed_at
    return ended is not None and ended - prediction.created_at >= deadline - _DEADLINE_TOLERANCE


_CREATE_ERRORS: Final[tuple[tuple[type[BackendError], FailureCode], ...]] = (
    (NotSent, FailureCode.UNREACHABLE),
    (Throttled, FailureCode.THROTTLED),
    (Unauthenticated, FailureCode.TOKEN),
    (InsufficientCredit, FailureCode.CREDIT),
    (Forbidden, FailureCode.FORBIDDEN),
    (NotFound, FailureCode.MODEL_NOT_FOUND),
    (TooLarge, FailureCode.TOO_LARGE),
)


_DEFECTS: Final[Mapping[Defect, FailureCode]] = {
    Defect.SETUP_FAILED: FailureCode.SETUP_FAILED,
    Defect.SETUP_TOO_LONG: FailureCode.SETUP_TOO_LONG,
    Defect.BROKEN: FailureCode.BROKEN,
}


def reason_of_create_error(error: BackendError) -> FailureReason:
    """Return why the backend did not accept a create request."""
    if isinstance(error, OutOfService):
        return FailureReason(_DEFECTS[error.defect])
    if isinstance(error, InvalidInput):
        return _reason_of_invalid_input(error)
    for kind, code in _CREATE_ERRORS:
        if isinstance(error, kind):
            return FailureReason(code)
    if isinstance(error, ApiError):
        return FailureReason(FailureCode.REFUSED, message=_clean_error(error.detail or error.title))
    return FailureReason(FailureCode.UNREACHABLE)


def reason_of_upload_error(error: BackendError) -> FailureReason:
    """Return why Replicate did not accept an input file."""
    unclear = isinstance(error, (NoResponse, InvalidResponse))
    return FailureReason(FailureCode.UPLOAD) if unclear else reason_of_create_error(error)


_VERSION_REFUSED: Final = re.compile(r"\binvalid version\b|\bspecified version does not exist\b", re.IGNORECASE)


def _reason_of_invalid_input(error: InvalidInput) -> FailureReason:
    if error.fields:
        fields = tuple(_describe_field(field) for field in error.fields[:_FIELDS])
        return FailureReason(FailureCode.INVALID_INPUT, fields=fields)
    if _VERSION_REFUSED.search(f"{error.title} {error.detail}"):
        return FailureReason(FailureCode.VERSION_NOT_FOUND)
    message = _clean_error(error.detail or error.title).removeprefix("- ")
    return FailureReason(FailureCode.INVALID_INPUT, message=message)


def _describe_field(field: InvalidField) -> str:
    name = "" if field.field == "input" else _clean_error(field.field.removeprefix("input."))
    description = _clean_error(field.description) or "cannot be used as it is"
    if field.type == "required":
        return description.replace(" is required", " is missing")
    if not name or description.lower().startswith(name.lower()):
        return description
    return f"{name}: {description}"


_CODE: Final = r"(?:\((?:code: ?)?(?:{0})\)|\bcode:? ?(?:{0})\b|\berror (?:{0})\b|^(?:{0})(?=$|:))"
_WORK: Final = r"\b(?:prediction|model|inference|generation|request|job|task|run|execution|processing)"

_REFUSE: Final = r"\b(?:block|reject|refus|trigger|violat|prohibit|flag)\w*"
_FILTER: Final = r"(?:safety (?:filter|system|checker)|moderation)\b"


def _rule(code: FailureCode, codes: str, *phrases: str) -> tuple[re.Pattern[str], FailureCode]:
    """Return a rule: the error's own words hold one of Replicate's ``codes``, or one of the ``phrases``."""
    parts = (*([_CODE.format(codes)] if codes else []), *phrases)
    return re.compile("|".join(parts), re.IGNORECASE), code


# What real models and Replicate itself write into ``error``; the first rule that matches decides. A phrase must say the
# cause by itself: a single word also stands in errors of another kind ("rate limit" in the name of an input), and a
# wrong sentence hides the right one, which the error's own text is.
_MODEL_ERRORS: Final = (
    _rule(
        FailureCode.MODERATION,
        "E005",
        r"\bflagged (?:as|by|for|because)\b",
        r"\b(?:was|were|been|is|are|content|input|prompt|output) flagged\b",
        r"\bnsfw (?:content|image|material|output|prompt)",
        r"\b(?:contains?|detected|potential(?:ly)?|possible) nsfw\b",
        _REFUSE + r".{0,80}\b" + _FILTER,
        r"\b" + _FILTER + r".{0,40}" + _REFUSE,
        r"\b(?:content|usage|safety) polic(?:y|ies)\b",
        r"\bsensitive content\b",
    ),
    _rule(FailureCode.OUT_OF_MEMORY, "E1001", r"\bout of memory\b", r"\bOOM\b", r"\bOutOfMemoryError\b"),
    _rule(
        FailureCode.INTERRUPTED,
        "PA|E8765|E9828|E8367",
        r"\bprediction (?:was |has been )?interrupted\b",
        r"^(?:prediction failed: )?director:",
        r"\brequest \d+ already exists\b",
    ),
    _rule(
        FailureCode.NOT_STARTED,
        "E6716|E9243",
        r"\b(?:setup|startup|boot) timed? ?out\b",
        r"\btimed? ?out (?:starting|during setup)\b",
        r"\b(?:model|container|predictor|setup|prediction|runner) failed to start\b",
    ),
    _rule(
        FailureCode.BUSY,
        "E003|E004",
        r"\bhigh demand\b",
        r"\bqueue reached limit\b",
        r"\btoo many requests\b",
        r"\brate limit(?:ed|ing)? (?:exceeded|reached|hit)\b",
        r"\b(?:exceeded|reached|hit) (?:\w+ ){0,3}rate limit",
        r"\b(?:is|are|service) temporarily unavailable\b",
    ),
    _rule(FailureCode.PROVIDER, "E001|E002"),
    _rule(FailureCode.OUTPUT_UPLOAD, "E9825"),
    _rule(FailureCode.PLATFORM, "E1000"),
    _rule(
        FailureCode.DOWNLOAD,
        "",
        r"\bHTTPS?ConnectionPool\b",
        r"\burlopen error\b",
        r"\bmax retries exceeded\b",
        r"\bconnect(?:ion)? ?(?:to \S+ )?timed? ?out\b",
        r"\bread timed out\b",
        r"\b(?:name or service not known|temporary failure in name resolution)\b",
        r"\b(?:download|fetch|retriev)\w*\b.{0,120}\btimed? ?out\b",
        r"\btimed? ?out\b.{0,60}\b(?:download|fetch|retriev)\w*",
        r"\b(?:failed|unable|impossible) to (?:download|fetch|retrieve)\b",
        r"\b(?:could not|couldn't|cannot|can't) (?:download|fetch)\b",
        r"\b[45]\d\d (?:client|server) error\b.{0,80}\bfor url\b",
    ),
    _rule(
        FailureCode.TIMEOUT,
        "",
        r"\btimed out\b",
        _WORK + r" (?:\w+ )?time-?out\b",
        r"^timeout(?:error)?\W*$",
        r"\btime-?out (?:exceeded|reached|expired|after|waiting)\b",
        r"\bexceeded (?:\w+ ){0,3}time(?:-?out| limit)\b",
    ),
)


def reason_of_model_error(error: str | None) -> FailureReason:
    """Return why a model failed, from the error that it wrote."""
    words = _own_words(error or "")
    for pattern, code in _MODEL_ERRORS:
        if pattern.search(words):
            return FailureReason(code)
    message = _clean_error(error or "")
    return FailureReason(FailureCode.MODEL, message=message) if message else FailureReason(FailureCode.NO_REASON)


# Error texts: every step is linear


def _clean_error(text: str) -> str:
    """Return an error text as one short line: the last line of a traceback, without URLs, tokens and paths."""
    text = _read_error(text)
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    if len(text) > _MESSAGE_CHARS:
        text = text[:_MESSAGE_CHARS].rsplit(" ", 1)[0] + "…"
    return text.rstrip(".")


def _own_words(text: str) -> str:
    """Return an error text without what it quotes, to look for its cause in."""
    return _QUOTED.sub("…", _read_error(text))


def _read_error(text: str) -> str:
    """Return what an error text says, on one line: the last line of a traceback, without anything private."""
    # Before and after: a sequence may take the first letter of a token, or stand in the middle of one.
    text = remove_terminal_sequences(_PRIVATE.sub("…", _ends(text)))
    if _TRACEBACK in text:
        text = text.rstrip().rpartition("\n")[2]
    return _PRIVATE.sub("…", " ".join(map(_hide_url, single_line(text).split())))


def _ends(text: str) -> str:
    """Return the beginning and the end of a text that is too long to be searched: the cause stands in one of them."""
    half = ERROR_CHARS_READ // 2
    return text if len(text) <= ERROR_CHARS_READ else f"{text[:half]} … {text[-half:]}"


def _hide_url(word: str) -> str:
    """Return a word without the URL in it: from a scheme with "//" somewhere behind it to the end."""
    slashes = word.rfind("//", 0, -1)
    scheme = _SCHEME.search(word, 0, slashes) if slashes > 0 else None
    return word if scheme is None else f"{word[: scheme.start()]}…"
