"""A fake Replicate in memory: the parts of the client that runs use, and a list of what goes wrong next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.backends.backend import CreateAllowance
from bot.backends.errors import BackendError, InvalidResponse, NoResponse, NotFound, NotSent, StreamLost, Throttled
from bot.backends.prediction import OnBatch, Prediction, Status, StreamBatch
from bot.backends.replicate.files import RemoteFile
from bot.backends.replicate.types import ModelRef
from bot.clock import Clock

NEVER_ARRIVED = "never arrived"  # no answer, and no prediction
LOST_ANSWER = "lost answer"  # no answer, but the prediction is there
THROTTLED = Throttled(status=429, title="", detail="Request was throttled.", retry_after=5.0)
REFUSED_CONNECTION = NotSent("refused")


@dataclass(frozen=True)
class Create:
    """One create request as it was received. ``may_exist``: it was accepted, or nobody can know that it was not."""

    at: float
    target: ModelRef
    input: Mapping[str, Any]
    webhook: str | None
    cancel_after: timedelta | None
    may_exist: bool


class FakePrediction:
    """A prediction that a test can change."""

    def __init__(self, prediction: Prediction) -> None:
        self.now = prediction
        self.batches: list[StreamBatch] = []
        self.is_stream_up = True
        self.cancels = 0
        self.interrupt: Callable[[], None] = lambda: None  # the stream's connection ends, and another is opened
        self._changed = asyncio.Event()

    def change(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)

    def start(self, at: datetime) -> None:
        self.change(status=Status.PROCESSING, started_at=at)

    def emit(self, data: str) -> None:
        self._emit(StreamBatch((data,)))

    def fail(self, message: str) -> None:
        self._emit(StreamBatch(error=message))

    def end(self, status: Status, at: datetime, *, reason: str = "", **changes: Any) -> None:
        self.change(status=status, completed_at=at, **changes)
        self._emit(StreamBatch(end=reason))

    def break_stream(self) -> None:
        self.is_stream_up = False
        self._notify()

    async def read_stream(self) -> AsyncIterator[StreamBatch]:
        number = 0
        while True:
            while number < len(self.batches):
                batch = self.batches[number]
                number += 1
                yield batch
                if batch.end is not None:
                    return
            if not self.is_stream_up:
                raise StreamLost("the stream is down")
            self._changed.clear()
            await self._changed.wait()

    def _emit(self, batch: StreamBatch) -> None:
        self.batches.append(batch)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()


class FakeReplicate:
    """Predictions, files and streams. ``create_results`` are those of the next creates; "ok" if it is empty."""

    create_allowance: CreateAllowance | None = None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.predictions = self.streams = self
        self.files = FakeFiles()
        self.create_results: deque[str | BackendError] = deque()
        self.create_delay = 0.0
        self.poll_errors: deque[BackendError | None] = deque()
        self.polls_blocked: asyncio.Event | None = None
        self.cancel_errors: deque[Exception] = deque()
        self.list_errors: deque[BackendError] = deque()
        self.creates: list[Create] = []
        self.by_id: dict[str, FakePrediction] = {}
        self.polls = 0
        self.has_streams = True
        self.cancels_take_effect = True
        self.lists_outputs = True
        self.stores_input_files = False  # whether files in inputs come back under other URLs

    @property
    def only(self) -> FakePrediction:
        (prediction,) = self.by_id.values()
        return prediction

    async def create(
        self,
        target: ModelRef,
        input: Mapping[str, Any],  # noqa: A002 - the client's name
        *,
        webhook: str | None = None,
        webhook_events: tuple[str, ...] = (),  # noqa: ARG002 - the fake sends no webhooks
        cancel_after: timedelta | None = None,
    ) -> Prediction:
        result = self.create_results.popleft() if self.create_results else "ok"
        may_exist = not isinstance(result, BackendError) or isinstance(result, NoResponse | InvalidResponse)
        self.creates.append(Create(self._clock.monotonic(), target, dict(input), webhook, cancel_after, may_exist))
        if isinstance(result, BackendError):
            raise result
        if result == NEVER_ARRIVED:
            raise NoResponse("timeout")
        prediction = self.make(target, input, webhook=webhook)
        if self.create_delay:
            await self._clock.sleep(self.create_delay)
        if result == LOST_ANSWER:
            raise NoResponse("connection reset")
        return prediction.now

    def make(self, target: ModelRef, input_: Mapping[str, Any], *, webhook: str | None = None) -> FakePrediction:
        number = len(self.by_id) + 1
        name = f"prediction{number:016d}"
        prediction = FakePrediction(
            Prediction(
                id=name,
                model=target.model,
                version=target.version or "hidden",
                status=Status.STARTING,
                created_at=self._clock.now(),
                input={key: self._stored(value, number) for key, value in input_.items()},
                webhook=webhook,
                deployment=target.model if target.deployment else None,
                stream_url=f"https://stream.test/{name}" if self.has_streams else None,
            )
        )
        self.by_id[name] = prediction
        return prediction

    def make_named(self, name: str, input_: Mapping[str, Any], *, has_stream: bool) -> FakePrediction:
        """Make a prediction whose id somebody else chose."""
        prediction = self.make(ModelRef("own", "model"), input_)
        del self.by_id[prediction.now.id]
        prediction.change(id=name, stream_url=f"https://stream.test/{name}" if has_stream else None)
        self.by_id[name] = prediction
        return prediction

    def _stored(self, value: Any, number: int) -> Any:
        if self.stores_input_files and isinstance(value, str) and value.startswith(("data:", "https://files.test")):
            return f"https://stored.test/{number}"
        return value

    async def get(self, id: str) -> Prediction:  # noqa: A002 - the client's name
        self.polls += 1
        if self.polls_blocked is not None:
            await self.polls_blocked.wait()
        if self.poll_errors and (error := self.poll_errors.popleft()) is not None:
            raise error
        if id not in self.by_id:
            raise NotFound(status=404, title="", detail="The requested resource could not be found.")
        return self.by_id[id].now

    async def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        if self.list_errors:
            raise self.list_errors.popleft()
        for prediction in reversed(self.by_id.values()):
            if created_after and prediction.now.created_at < created_after:
                return
            if not created_before or prediction.now.created_at <= created_before:
                yield prediction.now if self.lists_outputs else replace(prediction.now, output=None)

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - the client's name
        prediction = self.by_id[id]
        prediction.cancels += 1
        if self.cancel_errors:
            raise self.cancel_errors.popleft()
        if self.cancels_take_effect and not prediction.now.status.terminal:
            prediction.end(Status.CANCELED, self._clock.now(), reason="canceled")
        return prediction.now

    async def read(
        self, url: str, on_batch: OnBatch, *, next_read_in: Callable[[], float], on_interruption: Callable[[], None]
    ) -> None:
        assert next_read_in() >= 0
        self.by_id[url.rpartition("/")[2]].interrupt = on_interruption
        async for batch in self.by_id[url.rpartition("/")[2]].read_stream():
            on_batch(batch)


class FakeFiles:
    """Replicate's files."""

    def __init__(self) -> None:
        self.uploads: list[str] = []
        self.errors: deque[BackendError] = deque()

    async def create(self, *, name: str, content_type: str, data: bytes) -> RemoteFile:
        assert content_type
        assert data
        if self.errors:
            raise self.errors.popleft()
        self.uploads.append(name)
        url = f"https://files.test/{len(self.uploads)}"
        return RemoteFile(id=str(len(self.uploads)), url=url)
