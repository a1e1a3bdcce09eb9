"""What the engine asks of a service that runs models; one implementation for each service.

Nothing above this package names a service: a backend is found by a run's target, and says itself how it wants to be
used. What people read about it follows from the target (``bot.ui.render.service_words``), because rows outlive the
configuration.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from bot.backends.prediction import NextReadIn, OnBatch, Prediction

_UNIX_TIME_FROM: Final = 1_000_000_000  # a larger ``ratelimit-reset`` is a Unix time, as some gateways send it


@dataclass(frozen=True, slots=True)
class CreateAllowance:
    """The rate limit of creates as a response states it: ``remaining`` requests, ``reset`` seconds until it refills."""

    remaining: int
    reset: float

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], *, now: float) -> "CreateAllowance | None":
        """Return the allowance in a response's headers, or None if there is none; ``now`` is the Unix time."""
        try:
            remaining = int(headers.get("ratelimit-remaining", ""))
            reset = float(headers.get("ratelimit-reset", ""))
        except ValueError:
            return None
        if not math.isfinite(reset):
            return None
        if reset > _UNIX_TIME_FROM:
            reset -= now
        return cls(max(remaining, 0), max(reset, 0.0))


@dataclass(frozen=True, slots=True)
class Rate:
    """The backend accepts so many creates a minute, however long the predictions take."""

    per_minute: int


@dataclass(frozen=True, slots=True)
class Places:
    """The backend runs so many predictions at once and refuses more; a place is free again at a prediction's end."""

    at_once: int


@dataclass(frozen=True, slots=True)
class BackendTraits:
    """How a backend differs from the others.

    ``names_predictions``: the prediction's id is the run's, so a create without an answer is looked for by it;
    otherwise in the list of predictions.
    ``keeps_ends``: the end of a prediction can be asked for later; otherwise it is told once, by webhook.
    ``cancels_at_deadline``: it ends predictions by itself after ``cancel_after``, also if the bot never comes back.
    """

    names_predictions: bool
    keeps_ends: bool
    cancels_at_deadline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """One create: the stored ``target``, the resolved ``input``, and where webhooks go, if anywhere."""

    run_id: str
    target: str
    input: Mapping[str, Any]
    webhook: str | None
    cancel_after: timedelta


class Backend(Protocol):
    """A service that runs models. Every method raises only the errors of ``bot.backends.errors``."""

    @property
    def name(self) -> str:
        """The backend in logs and metrics, such as "replicate"."""

    @property
    def traits(self) -> BackendTraits:
        """How it wants to be used."""

    @property
    def pace(self) -> Rate | Places:
        """How many creates it takes; each backend has a queue of its own."""

    @property
    def create_allowance(self) -> CreateAllowance | None:
        """The rate limit in the latest response to a create, None if it states none."""

    def serves(self, target: str) -> bool:
        """Return whether runs of this target are this backend's."""

    def webhook_url(self, run_id: str) -> str | None:
        """Return the URL to call for a run, None for no webhooks."""

    async def create(self, request: CreateRequest) -> Prediction:
        """Create a prediction; the request is sent at most once.

        After NotSent and any ApiError no prediction exists. After NoResponse one may exist, after InvalidResponse one
        does.
        """

    async def get(self, prediction_id: str) -> Prediction:
        """Return a prediction as it is now; it is authoritative over streams and webhooks."""

    async def cancel(self, prediction_id: str) -> None:
        """Request cancellation; a poll shows the end. NotFound if there is nothing left to cancel."""

    def list_created(self, *, after: datetime, before: datetime) -> AsyncIterator[Prediction]:
        """Yield the predictions created in a span of time, newest first; nothing if it ``names_predictions``."""

    def is_of_target(self, prediction: Prediction, target: str) -> bool:
        """Return whether a listed prediction is of this target's model."""

    async def stream(
        self,
        prediction: Prediction,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn,
        on_interruption: Callable[[], None],
    ) -> None:
        """Pass the output of a prediction with a ``stream_url`` to ``on_batch`` until its end; or StreamLost."""

    async def upload(self, *, name: str, content_type: str, data: bytes) -> str:
        """Store a file of an input and return the URL by which the model reads it."""


class Backends:
    """All backends of the bot, by target."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = tuple(backends)

    def __iter__(self) -> Iterator[Backend]:
        return iter(self._backends)

    def of(self, target: str) -> Backend:
        """Return the backend of a target; LookupError if its service is no longer configured."""
        for backend in self._backends:
            if backend.serves(target):
                return backend
        raise LookupError(f"No backend serves {target}.")
