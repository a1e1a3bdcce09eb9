"""Prediction: one run of a model, as Replicate tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


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
