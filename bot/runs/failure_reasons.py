"""Reasons: why a run failed, as one sentence that a person can act on, and a short word for the row.

A sentence never holds a URL, a token, a path or a stack trace, whatever the model wrote; long errors are cut.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.backends.replicate.errors import (
    ApiError,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    NotFound,
    NotSent,
    ReplicateError,
    Throttled,
    TooLarge,
    Unauthenticated,
)


@dataclass(frozen=True, slots=True)
class FailureReason:
    """``sentence`` is for the person, ``cause`` for the row and the metrics."""

    sentence: str
    cause: str


INTERNAL = FailureReason(
    "Something in this bot broke during the run. It is written down for whoever runs it.", "internal"
)
EXPIRED = FailureReason("The bot was away too long to start this run. Nothing was paid. Ask again.", "expired")
LOST = FailureReason(
    "Replicate did not answer, and the run could not be found there. It may have started and be paid for, "
    "so it was not sent again. Try again if you still want it.",
    "lost",
)
FORGOTTEN = FailureReason("Replicate no longer knows this run; it may have been deleted there. Ask again.", "forgotten")
UNREACHABLE = FailureReason(
    "Replicate could not be reached. Nothing was paid. Try again in a few minutes.", "unreachable"
)
UPLOAD = FailureReason("The file could not be handed to Replicate. Nothing was paid. Try again.", "upload")
REMOVED = FailureReason(
    "It finished, but Replicate had already deleted the output, as it does after an hour.", "removed"
)
CANCELED_ELSEWHERE = FailureReason("It was cancelled at Replicate, not from here.", "elsewhere")
THROTTLED = FailureReason(
    "Replicate takes too few new runs from this bot right now. Nothing was paid. Try again in a few minutes.",
    "throttled",
)

_REFUSALS: tuple[tuple[type[ReplicateError], FailureReason], ...] = (
    (NotSent, UNREACHABLE),
    (Throttled, THROTTLED),
    (
        Unauthenticated,
        FailureReason(
            "Replicate does not accept this bot's token. Whoever runs the bot has to set a new one.", "token"
        ),
    ),
    (
        InsufficientCredit,
        FailureReason(
            "This bot's Replicate account has no credit left. Whoever runs the bot has to add some.", "credit"
        ),
    ),
    (
        Forbidden,
        FailureReason(
            "This bot's Replicate account may not run this model. Whoever runs the bot can ask why.", "forbidden"
        ),
    ),
    (
        NotFound,
        FailureReason("Replicate does not know this model. Whoever runs the bot has to mend the command.", "no_model"),
    ),
    (TooLarge, FailureReason("A file is larger than Replicate takes. Use a smaller one.", "too_large")),
)

# What real models and Replicate itself write into ``error``; the first that fits is it.
_FAILURES: tuple[tuple[re.Pattern[str], FailureReason], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), FailureReason(sentence, cause))
    for pattern, sentence, cause in (
        (
            r"\bE005\b|flagged|nsfw|safety (?:filter|system|checker)|content policy|moderation|sensitive content",
            "The model's safety filter stopped it. Try a different prompt or picture.",
            "moderation",
        ),
        (
            r"\bE1001\b|out of memory|\bOOM\b",
            "The model ran out of memory. Try a smaller picture or fewer outputs.",
            "memory",
        ),
        (
            r"interrupted|code: PA\b|\bE8765\b|\bE9828\b|\bE8367\b|director:|already exists",
            "Replicate interrupted the run; your input is fine. Try again.",
            "interrupted",
        ),
        (
            r"\bE6716\b|\bE9243\b|setup timed? ?out|failed to start",
            "The model did not start. Try again in a few minutes.",
            "not_started",
        ),
        (
            r"\bE003\b|\bE004\b|high demand|queue reached limit|rate limit|temporarily unavailable",
            "The model is too busy or away right now. Try again in a few minutes.",
            "busy",
        ),
        (
            r"\bE001\b|\bE002\b",
            "The model's own provider refused it; no input can mend that. Try another command.",
            "provider",
        ),
        (r"\bE9825\b", "Replicate could not keep the output. Try again.", "output_upload"),
        (r"\bE1000\b", "Something broke at Replicate. Try again.", "platform"),
        (r"timed? ?out", "The model took too long. Try again, or ask for less.", "timeout"),
    )
)

_NO_REASON = FailureReason("The model failed and gave no reason. Try again, or change the input.", "no_reason")
_PREFIX = re.compile(
    r"^(?:(?:async )?prediction failed:|generator iteration error:|[a-z_.]*(?:error|exception):)\s*", re.IGNORECASE
)
_SECRET = re.compile(
    r"\b[a-z][a-z0-9+.-]*:\S*//\S+|\bdata:\S+|\b(?:r8|hf|sk|whsec|ghp)_\S+|\bbearer\s+\S+"
    r"|(?<![\w.])/(?:[\w.@-]+/)+[\w.@-]*",
    re.IGNORECASE,
)
_LONGEST = 200
_FIELDS_SHOWN = 3


def from_create_error(error: ReplicateError) -> FailureReason:
    """Say why Replicate did not take the run."""
    if isinstance(error, InvalidInput):
        return _of_invalid(error)
    for kind, reason in _REFUSALS:
        if isinstance(error, kind):
            return reason
    if isinstance(error, ApiError):
        said = clean_error(error.detail or error.title)
        return FailureReason(
            f"Replicate refused the run: “{said}”" if said else "Replicate refused the run.", "refused"
        )
    return UNREACHABLE


def from_model_error(error: str | None) -> FailureReason:
    """Say why the model failed, from what it wrote."""
    said = clean_error(error or "")
    for pattern, reason in _FAILURES:
        if pattern.search(error or ""):
            return reason
    if not said:
        return _NO_REASON
    return FailureReason(f"The model failed: “{said}”. Change the input and try again.", "model")


def deadline_exceeded(deadline: timedelta) -> FailureReason:
    """Say that a run was stopped at the longest time it may take."""
    return FailureReason(
        f"It was stopped because it took longer than {format_span(deadline)}. Ask for less.", "deadline"
    )


def aborted_before_start(deadline: timedelta) -> FailureReason:
    """Say that a run was stopped before it began."""
    return FailureReason(
        f"The model did not start within {format_span(deadline)}, so it was stopped. Nothing was paid. "
        "Try again later.",
        "aborted",
    )


def never_finished(deadline: timedelta) -> FailureReason:
    """Say that Replicate never told the end of a run."""
    return FailureReason(
        f"Replicate did not finish the run within {format_span(deadline)}. Try again later.", "overdue"
    )


def clean_error(text: str) -> str:
    """Return what a model wrote as one short line without anything that is nobody's business."""
    if "Traceback (most recent call last)" in text:
        text = text.rstrip().rpartition("\n")[2]
    text = " ".join(_SECRET.sub("…", text).split())
    while (shorter := _PREFIX.sub("", text)) != text:
        text = shorter
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit(" ", 1)[0] + "…"
    return text.rstrip(".")


def format_span(span: timedelta) -> str:
    """Return a span as people say it: “90 seconds”, “30 minutes”, “2 hours”."""
    seconds = round(span.total_seconds())
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds // size} {word}s"
        if seconds == size:
            return f"1 {word}"
    return f"{seconds} seconds"


def _of_invalid(error: InvalidInput) -> FailureReason:
    if error.fields:
        told = "; ".join(_of_field(field) for field in error.fields[:_FIELDS_SHOWN])
        return FailureReason(f"The model does not take this: {told}. Change it and try again.", "input")
    if "version" in f"{error.title} {error.detail}".lower():
        return FailureReason(
            "Replicate does not know this version of the model, or this bot may not use it. "
            "Whoever runs the bot has to mend the command.",
            "version",
        )
    said = clean_error(error.detail or error.title).removeprefix("- ")
    return FailureReason(f"The model does not take this input: “{said}”. Change it and try again.", "input")


def _of_field(field: InvalidField) -> str:
    name = field.field.removeprefix("input").removeprefix(".")
    said = clean_error(field.description) or "cannot be used as it is"
    if field.type == "required":
        return said.replace(" is required", " is missing")
    if not name or said.lower().startswith(name.lower()):
        return said
    return f"{name}: {said}"
