"""A prediction and its stream, as every backend reports them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The state of a prediction. ``OTHER`` stands for every status that a service may add."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"
    OTHER = "other"

    @property
    def terminal(self) -> bool:
        """Whether the status is final."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A prediction at one moment.

    ``version`` is 64 hex digits, or "hidden" or another word for official models. ``error`` is text whatever JSON type
    it has in the API. ``stream_url`` is a capability: it needs no token and is never logged. Times are aware.
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
    stream_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """The events of one read.

    ``outputs`` are pieces of text or URLs, in order. ``error`` is the text of the last error event, None if there was
    none. ``end`` is the reason of the end: "", "canceled" or "error"; None if the stream goes on.
    """

    outputs: Sequence[str] = ()
    error: str | None = None
    end: str | None = None


OnBatch = Callable[[StreamBatch], None]

NextReadIn = Callable[[], float]
"""Return the seconds until more data of a stream can be used; 0.0 or less for at once."""
