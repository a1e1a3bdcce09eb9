"""What happens inside the stand-in, published as frozen values to any number of subscribers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sandbox.request_log import Call

QUEUE_LIMIT = 10_000  # a subscriber that falls further behind loses the oldest events


@dataclass(frozen=True, slots=True)
class CallLogged:
    """A request got its response, or its connection ended without one (``call.status`` is ``CUT`` or None)."""

    call: Call


@dataclass(frozen=True, slots=True)
class PredictionChanged:
    """A prediction has a new status, output or log line; ``prediction`` is what a GET returns now."""

    prediction: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamEventSent:
    """An event was published on a prediction's stream, with or without listeners."""

    prediction_id: str
    event: str
    id: str
    data: str


@dataclass(frozen=True, slots=True)
class WebhookSent:
    """A webhook was sent; ``status`` is the receiver's, None if it did not respond or the address was not called."""

    prediction_id: str
    event: str
    url: str
    status: int | None


@dataclass(frozen=True, slots=True)
class FaultsChanged:
    """A fault was added, used up or cleared; ``active`` are the names of those that remain."""

    active: tuple[str, ...]


StandInEvent = CallLogged | PredictionChanged | StreamEventSent | WebhookSent | FaultsChanged


class EventSubscription:
    """An async iterator over the events from its creation until ``close``."""

    def __init__(self, bus: "EventBus") -> None:
        self._bus = bus
        self._queue: asyncio.Queue[StandInEvent | None] = asyncio.Queue()

    def put(self, event: StandInEvent) -> None:
        """Queue an event; drop the oldest if the queue is full."""
        if self._queue.qsize() >= QUEUE_LIMIT:
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    def close(self) -> None:
        """End the iteration after the events that are queued."""
        self._bus.unsubscribe(self)
        self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StandInEvent:
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventBus:
    """Publishes events to every subscription without waiting for any."""

    def __init__(self) -> None:
        self._subscriptions: list[EventSubscription] = []

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def subscribe(self) -> EventSubscription:
        """Return a subscription to everything from now on."""
        subscription = EventSubscription(self)
        self._subscriptions.append(subscription)
        return subscription

    def publish(self, event: StandInEvent) -> None:
        for subscription in self._subscriptions:
            subscription.put(event)

    def unsubscribe(self, subscription: EventSubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def close(self) -> None:
        """End every subscription."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
