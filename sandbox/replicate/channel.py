"""Channel: the events of one prediction's stream, and how Nchan writes them.

The wire format is nginx Nchan's (src/subscribers/eventsource.c): one ``data:`` line per newline in the payload, and
an id of ``<unix time>:<n>``, n counting the messages of that second.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

HELLO = b": hi\n\n"
IDLE_CLOSE = b":408: 408 Request Timeout\n\n"


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """A message's place in its channel."""

    time: int
    tag: int

    @classmethod
    def parse(cls, text: str) -> "EventId | None":
        """Read ``<time>:<tag>``; None for anything else."""
        time, colon, tag = text.partition(":")
        if not (colon and time.isdigit() and tag.isdigit()):
            return None
        return cls(int(time), int(tag))

    def __str__(self) -> str:
        return f"{self.time}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Message:
    """One event, with the id it was published under."""

    id: EventId
    event: str
    data: str


def encode(event: str, data: str, id: str | None) -> bytes:  # noqa: A002 -- the field is called id on the wire
    """Return one event as Nchan writes it; a payload that ends in a newline gets a last, empty data line."""
    head = f"event: {event}\n" + (f"id: {id}\n" if id is not None else "")
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{head}{lines}\n".encode()


class Channel:
    """The buffer of one stream: it only grows, and any number of subscribers read it, each at its own place."""

    def __init__(self, *, prediction_id: str, model: str, now: Callable[[], datetime]) -> None:
        self.prediction_id = prediction_id
        self.model = model
        self.messages: list[Message] = []
        self._now = now
        self._news = asyncio.Event()

    def publish(self, event: str, data: str) -> Message:
        """Add an event and wake everybody who listens."""
        time = int(self._now().timestamp())
        last = self.messages[-1].id if self.messages else None
        tag = last.tag + 1 if last is not None and last.time >= time else 0
        message = Message(EventId(max(time, last.time) if last else time, tag), event, data)
        self.messages.append(message)
        self.wake()
        return message

    def wake(self) -> None:
        """Let every subscriber look again, without news."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Return at the next ``publish`` or ``wake``."""
        await self._news.wait()

    def after(self, last_event_id: str | None) -> int:
        """Return the index at which a subscriber goes on that saw ``last_event_id``: 0 where that says nothing."""
        seen = EventId.parse(last_event_id) if last_event_id else None
        if seen is None:
            return 0
        return next((index for index, message in enumerate(self.messages) if message.id > seen), len(self.messages))
