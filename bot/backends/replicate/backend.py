"""Replicate as a backend of the engine."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

from bot.backends.backend import BackendTraits, CreateAllowance, CreateRequest, Rate
from bot.backends.errors import StreamLost
from bot.backends.prediction import NextReadIn, OnBatch, Prediction
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.types import ModelRef

_WEBHOOK_EVENTS: Final = ("start", "logs", "completed")  # output comes by the stream, and by polls where there is none
_TRAITS: Final = BackendTraits(names_predictions=False, keeps_ends=True, cancels_at_deadline=True)


class ReplicateBackend:
    """Runs every target that is a model or a deployment on Replicate.

    ``webhook_base`` is the bot's own address; None for no webhooks.
    """

    name = "replicate"
    traits = _TRAITS

    def __init__(self, replicate: Replicate, *, creates_per_minute: int, webhook_base: str | None) -> None:
        self._replicate = replicate
        self._webhook_base = webhook_base
        self.pace = Rate(creates_per_minute)

    @property
    def create_allowance(self) -> CreateAllowance | None:
        """The rate limit in the latest response to a create."""
        return self._replicate.create_allowance

    def serves(self, target: str) -> bool:
        """Return whether the target is a model's name; every other backend's targets are URLs."""
        return "://" not in target

    def webhook_url(self, run_id: str) -> str | None:
        """Return the URL that Replicate is to call for a run."""
        if self._webhook_base is None:
            return None
        return f"{self._webhook_base.rstrip('/')}/webhooks/replicate/{run_id}"

    async def create(self, request: CreateRequest) -> Prediction:
        """Create a prediction; see ``Predictions.create``."""
        return await self._replicate.predictions.create(
            ModelRef.parse(request.target),
            request.input,
            webhook=request.webhook,
            webhook_events=_WEBHOOK_EVENTS if request.webhook else (),
            cancel_after=request.cancel_after,
        )

    async def get(self, prediction_id: str) -> Prediction:
        """Return a prediction as it is now."""
        return await self._replicate.predictions.get(prediction_id)

    async def cancel(self, prediction_id: str) -> None:
        """Request cancellation."""
        await self._replicate.predictions.cancel(prediction_id)

    def list_created(self, *, after: datetime, before: datetime) -> AsyncIterator[Prediction]:
        """Yield the account's predictions of a span of time, newest first."""
        return self._replicate.predictions.list(created_after=after, created_before=before)

    def is_of_target(self, prediction: Prediction, target: str) -> bool:
        """Compare the version where the target has one, else the model or deployment."""
        ref = ModelRef.parse(target)
        if ref.version is not None:
            return prediction.version == ref.version
        if ref.deployment:
            return prediction.deployment in (ref.model, ref.name)
        return prediction.model == ref.model

    async def stream(
        self,
        prediction: Prediction,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn,
        on_interruption: Callable[[], None],
    ) -> None:
        """Read the prediction's stream."""
        if prediction.stream_url is None:
            raise StreamLost("The prediction has no stream.")
        await self._replicate.streams.read(
            prediction.stream_url, on_batch, next_read_in=next_read_in, on_interruption=on_interruption
        )

    async def upload(self, *, name: str, content_type: str, data: bytes) -> str:
        """Upload a file to Replicate."""
        return (await self._replicate.files.create(name=name, content_type=content_type, data=data)).url
