"""A small Replicate in memory, with the surface that the heart uses and a script of what goes wrong."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.backends.replicate.api import CreateAllowance
from bot.backends.replicate.errors import (
    InvalidResponse,
    NoResponse,
    NotFound,
    NotSent,
    ReplicateError,
    StreamLost,
    Throttled,
)
from bot.backends.replicate.files import RemoteFile
from bot.backends.replicate.predictions import Prediction, Status
from bot.backends.replicate.stream import OnBatch, StreamBatch
from bot.backends.replicate.types import ModelRef
from bot.clock import Clock

NEVER_ARRIVED = "never arrived"  # no answer, and no prediction
LOST_ANSWER = "lost answer"  # no answer, but the prediction is there
THROTTLED = Throttled(status=429, title="", detail="Request was throttled.", retry_after=5.0)
REFUSED_CONNECTION = NotSent("refused")


@dataclass(frozen=True)
class Create:
    """One create request as it came in. ``perhaps``: it was accepted, or nobody can know that it was not."""

    at: float
    target: ModelRef
    input: Mapping[str, Any]
    webhook: str | None
    cancel_after: timedelta | None
    perhaps: bool


class Made:
    """A prediction, and what a test can make of it."""

    def __init__(self, prediction: Prediction) -> None:
        self.now = prediction
        self.gulps: list[StreamBatch] = []
        self.stream_works = True
        self.cancels = 0
        self._news = asyncio.Event()

    def change(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)

    def begin(self, at: datetime) -> None:
        self.change(status=Status.PROCESSING, started_at=at)

    def emit(self, data: str) -> None:
        self._say(StreamBatch((data,)))

    def fail(self, words: str) -> None:
        self._say(StreamBatch(error=words))

    def end(self, status: Status, at: datetime, *, reason: str = "", **changes: Any) -> None:
        self.change(status=status, completed_at=at, **changes)
        self._say(StreamBatch(end=reason))

    def break_stream(self) -> None:
        self.stream_works = False
        self._ring()

    async def follow(self) -> AsyncIterator[StreamBatch]:
        number = 0
        while True:
            while number < len(self.gulps):
                gulp = self.gulps[number]
                number += 1
                yield gulp
                if gulp.end is not None:
                    return
            if not self.stream_works:
                raise StreamLost("the stream cannot be had")
            self._news.clear()
            await self._news.wait()

    def _say(self, gulp: StreamBatch) -> None:
        self.gulps.append(gulp)
        self._ring()

    def _ring(self) -> None:
        self._news.set()


class FakeReplicate:
    """Predictions, files and streams. ``outcomes`` is what becomes of the next creates; "ok" when it is empty."""

    rate: CreateAllowance | None = None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.predictions = self
        self.files = FakeFiles()
        self.outcomes: deque[str | ReplicateError] = deque()
        self.answer_after = 0.0
        self.get_errors: deque[ReplicateError | None] = deque()
        self.get_hangs: asyncio.Event | None = None
        self.cancel_errors: deque[ReplicateError] = deque()
        self.list_errors: deque[ReplicateError] = deque()
        self.creates: list[Create] = []
        self.made: dict[str, Made] = {}
        self.gets = 0
        self.has_streams = True
        self.cancels_at_once = True
        self.lists_outputs = True
        self.stored_inputs = False  # whether files in inputs come back as URLs of Replicate's own
        self._streams = 0

    @property
    def only(self) -> Made:
        (made,) = self.made.values()
        return made

    async def create(
        self,
        target: ModelRef,
        input: Mapping[str, Any],  # noqa: A002 - the client's own word
        *,
        webhook: str | None = None,
        webhook_events: tuple[str, ...] = (),  # noqa: ARG002 - the small Replicate sends no webhooks
        cancel_after: timedelta | None = None,
    ) -> Prediction:
        outcome = self.outcomes.popleft() if self.outcomes else "ok"
        perhaps = not isinstance(outcome, ReplicateError) or isinstance(outcome, NoResponse | InvalidResponse)
        self.creates.append(Create(self._clock.monotonic(), target, dict(input), webhook, cancel_after, perhaps))
        if isinstance(outcome, ReplicateError):
            raise outcome
        if outcome == NEVER_ARRIVED:
            raise NoResponse("timeout")
        made = self.make(target, input, webhook=webhook)
        if self.answer_after:
            await self._clock.sleep(self.answer_after)
        if outcome == LOST_ANSWER:
            raise NoResponse("connection reset")
        return made.now

    def make(self, target: ModelRef, given: Mapping[str, Any], *, webhook: str | None = None) -> Made:
        number = len(self.made) + 1
        name = f"prediction{number:016d}"
        made = Made(
            Prediction(
                id=name,
                model=target.model,
                version=target.version or "hidden",
                status=Status.STARTING,
                created_at=self._clock.now(),
                input={key: self._stored(value, number) for key, value in given.items()},
                webhook=webhook,
                deployment=target.model if target.deployment else None,
                stream_url=f"https://stream.test/{name}" if self.has_streams else None,
            )
        )
        self.made[name] = made
        return made

    def _stored(self, value: Any, number: int) -> Any:
        if self.stored_inputs and isinstance(value, str) and value.startswith(("data:", "https://files.test")):
            return f"https://stored.test/{number}"
        return value

    async def get(self, id: str) -> Prediction:  # noqa: A002 - the client's own word
        self.gets += 1
        if self.get_hangs is not None:
            await self.get_hangs.wait()
        if self.get_errors and (error := self.get_errors.popleft()) is not None:
            raise error
        if id not in self.made:
            raise NotFound(status=404, title="", detail="The requested resource could not be found.")
        return self.made[id].now

    async def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        if self.list_errors:
            raise self.list_errors.popleft()
        for made in reversed(self.made.values()):
            if created_after and made.now.created_at < created_after:
                return
            if not created_before or made.now.created_at <= created_before:
                yield made.now if self.lists_outputs else replace(made.now, output=None)

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - the client's own word
        made = self.made[id]
        made.cancels += 1
        if self.cancel_errors:
            raise self.cancel_errors.popleft()
        if self.cancels_at_once and not made.now.status.terminal:
            made.end(Status.CANCELED, self._clock.now(), reason="canceled")
        return made.now

    async def stream(self, url: str, take: OnBatch, *, wanted: Callable[[], float]) -> None:
        assert wanted() >= 0
        async for gulp in self.made[url.rpartition("/")[2]].follow():
            take(gulp)


class FakeFiles:
    """Replicate's files."""

    def __init__(self) -> None:
        self.uploads: list[str] = []
        self.errors: deque[ReplicateError] = deque()

    async def create(self, *, name: str, content_type: str, data: bytes) -> RemoteFile:
        if self.errors:
            raise self.errors.popleft()
        self.uploads.append(name)
        url = f"https://files.test/{len(self.uploads)}"
        return RemoteFile(id=str(len(self.uploads)), url=url, name=name, size=len(data), content_type=content_type)
