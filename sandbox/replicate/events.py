"""What happens inside the stand-in, as frozen values that anybody may watch."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sandbox.replicate.request_log import Call

QUEUE_LIMIT = 10_000  # a watcher that falls further behind than this loses the oldest


@dataclass(frozen=True, slots=True)
class CallLogged:
    """A request was answered, or its connection ended without an answer (``call.status`` is None)."""

    call: Call


@dataclass(frozen=True, slots=True)
class PredictionChanged:
    """A prediction has a new state, output or log line; ``prediction`` is what a GET would now show."""

    prediction: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamEventSent:
    """An event was put on a prediction's stream (whether or not anybody is listening)."""

    prediction_id: str
    event: str
    id: str
    data: str


@dataclass(frozen=True, slots=True)
class WebhookSent:
    """A webhook left; ``status`` is what the receiver said, None when it said nothing or was never asked."""

    prediction_id: str
    event: str
    url: str
    status: int | None


@dataclass(frozen=True, slots=True)
class FaultsChanged:
    """A fault was switched on, used up or cleared; ``active`` are the names that still wait."""

    active: tuple[str, ...]


StandInEvent = CallLogged | PredictionChanged | StreamEventSent | WebhookSent | FaultsChanged


class EventSubscription:
    """One watcher's view: an async iterator that starts when it is made and ends when it is closed."""

    def __init__(self, happenings: "EventBus") -> None:
        self._happenings = happenings
        self._queue: asyncio.Queue[StandInEvent | None] = asyncio.Queue()

    def put(self, happening: StandInEvent) -> None:
        """Add one; the oldest falls out of a watch that nobody reads."""
        if self._queue.qsize() >= QUEUE_LIMIT:
            self._queue.get_nowait()
        self._queue.put_nowait(happening)

    def close(self) -> None:
        """End the iteration; nothing more arrives."""
        self._happenings.forget(self)
        self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StandInEvent:
        happening = await self._queue.get()
        if happening is None:
            raise StopAsyncIteration
        return happening

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventBus:
    """Tells every watcher what happened; nobody is waited for."""

    def __init__(self) -> None:
        self._watches: list[EventSubscription] = []

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watches)

    def watch(self) -> EventSubscription:
        """Return a watch that sees everything from now on."""
        watch = EventSubscription(self)
        self._watches.append(watch)
        return watch

    def tell(self, happening: StandInEvent) -> None:
        """Hand ``happening`` to everybody who watches."""
        for watch in self._watches:
            watch.put(happening)

    def forget(self, watch: EventSubscription) -> None:
        """Stop telling ``watch``."""
        if watch in self._watches:
            self._watches.remove(watch)

    def close(self) -> None:
        """End every watch."""
        for watch in tuple(self._watches):
            watch.close()
