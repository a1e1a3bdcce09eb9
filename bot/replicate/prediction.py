"""Prediction: one run of a model, as Replicate tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from bot.replicate.errors import BadAnswer
from bot.replicate.wire import (
    Anything,
    Id,
    Moment,
    MomentOrNone,
    Object,
    Text,
    TextOrNone,
    Url,
    Wire,
    Words,
)


class Status(StrEnum):
    """Where a prediction is in its life. ``OTHER`` stands for any word that Replicate adds later."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"
    OTHER = "other"

    @property
    def terminal(self) -> bool:
        """Whether it can never change again."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A prediction at one moment.

    ``version`` is 64 hex digits, "hidden" or another word for official models. ``error`` is None or text, whatever
    JSON it was. ``stream_url`` is a capability: it needs no token and reaches no log. Times are aware.
    """

    id: str
    model: str
    version: str
    status: Status
    created_at: datetime
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    error: str | None = None
    logs: str = ""
    data_removed: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    deployment: str | None = None
    webhook: str | None = None
    web_url: str | None = None
    stream_url: str | None = field(default=None, repr=False)


class _Urls(Wire):
    web: Url = None
    stream: Url = None


class _Prediction(Wire):
    id: Id
    status: str
    created_at: Moment
    model: Words = ""
    version: Words = ""
    input: Object = Field(default_factory=dict)
    output: Anything = None
    error: TextOrNone = None
    logs: Text = ""
    data_removed: Any = False
    started_at: MomentOrNone = None
    completed_at: MomentOrNone = None
    metrics: Object = Field(default_factory=dict)
    deployment: TextOrNone = None
    webhook: Url = None
    urls: Object = Field(default_factory=dict)


def parse(data: Mapping[str, Any]) -> Prediction:
    """Return the prediction that a JSON object describes, from an answer or a webhook; BadAnswer when it is none.

    Only ``id``, ``status`` and ``created_at`` have to be there.
    """
    try:
        wire = _Prediction.model_validate(data)
        urls = _Urls.model_validate(wire.urls)
    except (ValidationError, RecursionError) as error:
        raise BadAnswer(f"Replicate sent a prediction that cannot be read: {_where(error)}.") from error
    return Prediction(
        id=wire.id,
        model=wire.model,
        version=wire.version,
        status=_STATUSES.get(wire.status, Status.OTHER),
        created_at=wire.created_at,
        input=wire.input,
        output=wire.output,
        error=wire.error,
        logs=wire.logs,
        data_removed=wire.data_removed is True,
        started_at=wire.started_at,
        completed_at=wire.completed_at,
        metrics=wire.metrics,
        deployment=wire.deployment,
        webhook=wire.webhook,
        web_url=urls.web,
        stream_url=urls.stream,
    )


_STATUSES = {status.value: status for status in Status}


def _where(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors(include_input=False))
