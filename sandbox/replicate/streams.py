"""The stream origin: server-sent events as nginx Nchan serves them, and the faults that spoil them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web

from bot import limits
from bot.clock import Clock
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.middleware import RequestFaults, reset_connection
from sandbox.replicate.wait import wait_for_any

GREETING = b": hi\n\n"
IDLE_TIMEOUT = b":408: 408 Request Timeout\n\n"


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
class StreamMessage:
    """One event, with the id it was published under."""

    id: EventId
    event: str
    data: str


def encode_event(event: str, data: str, id: str | None) -> bytes:  # noqa: A002 -- the field is called id on the wire
    """Return one event as Nchan writes it; a payload that ends in a newline gets a last, empty data line."""
    head = f"event: {event}\n" + (f"id: {id}\n" if id is not None else "")
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{head}{lines}\n".encode()


class Channel:
    """The buffer of one stream: it only grows, and any number of subscribers read it, each at its own place."""

    def __init__(self, *, prediction_id: str, model: str, now: Callable[[], datetime]) -> None:
        self.prediction_id = prediction_id
        self.model = model
        self.messages: list[StreamMessage] = []
        self._now = now
        self._news = asyncio.Event()

    def publish(self, event: str, data: str) -> StreamMessage:
        """Add an event and wake everybody who listens."""
        time = int(self._now().timestamp())
        last = self.messages[-1].id if self.messages else None
        tag = last.tag + 1 if last is not None and last.time >= time else 0
        message = StreamMessage(EventId(max(time, last.time) if last else time, tag), event, data)
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


ConnectionEnd = Literal["close", "cut", "stall"]

_GARBAGE = b"nonsense\nretry: soon\n: a comment\n\n\xff\xfe: \xc3\n\n"
_CONNECTION_ENDS: tuple[tuple[str, ConnectionEnd], ...] = (
    ("stream-close", "close"),
    ("stream-cut", "cut"),
    ("stream-stall", "stall"),
)
# These hold for a whole connection: one strike spoils every event of it.
_CONNECTION_FAULTS = (
    "stream-duplicate",
    "stream-unknown",
    "stream-corrupt",
    "stream-no-ids",
    "stream-shuffled",
    "no-done",
    "early-done",
    "no-outputs",
    "no-events",
)


class StreamFaults:
    """Spoils the events of one connection as the faults say."""

    def __init__(self, chances: RequestFaults) -> None:
        self._chances = chances
        self._sent = 0
        self._done = False
        self._manners = {name for name in _CONNECTION_FAULTS if chances.take(name)}

    def opening(self) -> bytes:
        """Return what goes out before the first event."""
        return encode_event("done", "{}", None) if "early-done" in self._manners else b""

    def end(self) -> ConnectionEnd | None:
        """Return how the connection ends here and now, if it does."""
        if self._done:
            # A client that saw “done” is leaving; a fault spent on it would be lost on the next one.
            return "close" if "no-done" in self._manners else None

        def due(fault: Fault) -> bool:
            return bool(self._sent >= fault.get("after", 0))

        return next((end for name, end in _CONNECTION_ENDS if self._chances.take(name, ready=due)), None)

    def written(self, message: StreamMessage) -> Iterator[bytes]:
        """Yield the bytes that go out for ``message``."""
        self._sent += 1
        self._done = self._done or message.event == "done"
        if not self._shown(message):
            return
        if "stream-corrupt" in self._manners:
            yield _GARBAGE
        if "stream-unknown" in self._manners:
            yield encode_event("heartbeat", '{"unknown": true}', None)
        yield from [self._encoded(message)] * (2 if "stream-duplicate" in self._manners else 1)

    def _shown(self, message: StreamMessage) -> bool:
        if "no-events" in self._manners:
            return False
        if message.event == "done":
            return "no-done" not in self._manners
        return not (message.event == "output" and "no-outputs" in self._manners)

    def _encoded(self, message: StreamMessage) -> bytes:
        identity: str | None = str(message.id)
        if "stream-no-ids" in self._manners:
            identity = None
        elif "stream-shuffled" in self._manners:
            identity = str(EventId(message.id.time - self._sent, message.id.tag))
        return encode_event(message.event, message.data, identity)


HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
}


class StreamServer:
    """Every open channel by its path, and the route that serves them."""

    def __init__(self, *, clock: Clock, faults: Faults, closing: asyncio.Event) -> None:
        self._clock = clock
        self._faults = faults
        self._closing = closing
        self._channels: dict[str, Channel] = {}
        self._gone_at: dict[str, datetime] = {}
        faults.on_change.append(self._wake)

    def open(self, path: str, *, prediction_id: str, model: str) -> Channel:
        """Make the channel that is served under ``path``."""
        channel = Channel(prediction_id=prediction_id, model=model, now=self._clock.now)
        self._channels[path] = channel
        return channel

    def expire(self, path: str, *, after: timedelta = limits.DATA_KEPT) -> None:
        """Let a channel be gone ``after`` a while from now."""
        self._gone_at[path] = self._clock.now() + after

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of the stream origin."""
        return [web.get("/v1/streams/{token}", self._serve), web.get("/v1/files/{token}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        channel = self._channels.get(request.path)
        if channel is None:
            return web.Response(status=404)
        if (gone_at := self._gone_at.get(request.path)) and self._clock.now() >= gone_at:
            return web.Response(status=410)
        chances = RequestFaults(self._faults, channel.model, request)
        if refusal := _refused_response(request, chances):
            return refusal
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        last = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
        subscriber = _StreamWriter(
            request, response, channel, clock=self._clock, chances=chances, closing=self._closing
        )
        with suppress(ConnectionError):  # the client goes when it has seen enough: the usual end of a stream
            await subscriber.follow(channel.after(last))
        return response

    def _wake(self) -> None:
        for channel in self._channels.values():
            channel.wake()


class _StreamWriter:
    """One connection to a channel."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        channel: Channel,
        *,
        clock: Clock,
        chances: RequestFaults,
        closing: asyncio.Event,
    ) -> None:
        self._request = request
        self._response = response
        self._channel = channel
        self._clock = clock
        self._closing = closing
        self._tampering = StreamFaults(chances)

    async def follow(self, position: int) -> None:
        """Send everything from ``position`` on, until the stream is idle for too long or the stand-in stops."""
        await self._response.write(GREETING)
        await self._response.write(self._tampering.opening())
        idle_since = self._clock.monotonic()
        while not self._closing.is_set():
            while position < len(self._channel.messages):
                if await self._ended():
                    return
                for chunk in self._tampering.written(self._channel.messages[position]):
                    await self._response.write(chunk)
                    idle_since = self._clock.monotonic()
                position += 1
            if await self._ended():
                return
            left = limits.STREAM_IDLE.total_seconds() - (self._clock.monotonic() - idle_since)
            if left <= 0 or not await wait_for_any(self._clock, left, self._channel.news(), self._closing.wait()):
                await self._response.write(IDLE_TIMEOUT)
                return

    async def _ended(self) -> bool:
        match self._tampering.end():
            case "stall":
                await self._closing.wait()
            case "cut":
                await self._response.write(b"event: output\nid: 1\ndata: half of")
                await asyncio.sleep(0)  # the half must leave before the connection does
                reset_connection(self._request)
            case "close":
                pass
            case _:
                return False
        return True


def _refused_response(request: web.Request, chances: RequestFaults) -> web.Response | None:
    if chances.take("stream-down"):
        return reset_connection(request)
    if fault := chances.take("stream-gone"):
        return web.Response(status=fault.get("status", 404))
    if chances.take("stream-408"):
        return web.Response(status=408)
    if chances.take("stream-json"):
        return web.json_response({"detail": "The stream is not available."})
    return None
