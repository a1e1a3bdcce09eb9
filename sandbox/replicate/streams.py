"""The stream origin: server-sent events as nginx Nchan serves them, and the faults that corrupt them.

The wire format is Nchan's (src/subscribers/eventsource.c): one ``data:`` line per line of the payload, and an id of
``<unix time>:<n>``, where n counts the messages of that second. No token is required: the path is the capability. A
stream starts with ``: hi``, replays what follows ``Last-Event-ID`` (everything, without one), and closes after 30 idle
seconds with ``:408: 408 Request Timeout``. It does not close after ``done``; clients do.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web

from bot import limits
from bot.aio import race
from bot.clock import Clock
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.middleware import RequestFaults, reset_connection

GREETING = b": hi\n\n"
IDLE_TIMEOUT = b":408: 408 Request Timeout\n\n"
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
}

ConnectionEnd = Literal["close", "cut", "stall"]

_GARBAGE = b"nonsense\nretry: soon\n: a comment\n\n\xff\xfe: \xc3\n\n"
_CONNECTION_ENDS: tuple[tuple[str, ConnectionEnd], ...] = (
    ("stream-close", "close"),
    ("stream-cut", "cut"),
    ("stream-stall", "stall"),
)
# These apply to a whole connection: triggered once, they affect every event of it.
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


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """A message's position in its channel."""

    time: int
    tag: int

    @classmethod
    def parse(cls, text: str) -> "EventId | None":
        """Parse ``<time>:<tag>``; return None for anything else."""
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


def encode_event(event: str, data: str, event_id: str | None) -> bytes:
    """Return one event in Nchan's format; a payload that ends in a newline gets a final, empty data line."""
    head = f"event: {event}\n" + (f"id: {event_id}\n" if event_id is not None else "")
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"{head}{lines}\n".encode()


class Channel:
    """The message buffer of one stream. It only grows; each subscriber keeps its own position in it."""

    def __init__(self, *, prediction_id: str, model: str, now: Callable[[], datetime]) -> None:
        self.prediction_id = prediction_id
        self.model = model
        self.messages: list[StreamMessage] = []
        self._now = now
        self._changed = asyncio.Event()

    def publish(self, event: str, data: str) -> StreamMessage:
        """Append an event and wake every subscriber."""
        time = int(self._now().timestamp())
        last = self.messages[-1].id if self.messages else None
        tag = last.tag + 1 if last is not None and last.time >= time else 0
        message = StreamMessage(EventId(max(time, last.time) if last else time, tag), event, data)
        self.messages.append(message)
        self.wake_subscribers()
        return message

    def wake_subscribers(self) -> None:
        """Let every subscriber check for messages and faults."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        """Return at the next ``publish`` or ``wake_subscribers``."""
        await self._changed.wait()

    def index_after(self, last_event_id: str | None) -> int:
        """Return the index of the first message after ``last_event_id``, or 0 if that is missing or invalid."""
        last = EventId.parse(last_event_id) if last_event_id else None
        if last is None:
            return 0
        return next((index for index, message in enumerate(self.messages) if message.id > last), len(self.messages))


class StreamServer:
    """Every open channel by its path, and the routes that serve them."""

    def __init__(self, *, clock: Clock, faults: Faults, closing: asyncio.Event) -> None:
        self._clock = clock
        self._faults = faults
        self._closing = closing
        self._channels: dict[str, Channel] = {}
        self._expires_at: dict[str, datetime] = {}
        faults.on_change.append(self._wake_all)

    def open_channel(self, path: str, *, prediction_id: str, model: str) -> Channel:
        """Create the channel that is served at ``path``."""
        channel = Channel(prediction_id=prediction_id, model=model, now=self._clock.now)
        self._channels[path] = channel
        return channel

    def expire_channel(self, path: str, *, after: timedelta = limits.DATA_KEPT) -> None:
        """Respond with 410 for a channel from ``after`` on."""
        self._expires_at[path] = self._clock.now() + after

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/v1/streams/{token}", self._serve), web.get("/v1/files/{token}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        channel = self._channels.get(request.path)
        if channel is None:
            return web.Response(status=404)
        if (expires_at := self._expires_at.get(request.path)) and self._clock.now() >= expires_at:
            return web.Response(status=410)
        request_faults = RequestFaults(self._faults, channel.model, request)
        if refused := _refused_response(request, request_faults):
            return refused
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        last_event_id = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
        writer = _StreamWriter(
            request, response, channel, clock=self._clock, request_faults=request_faults, closing=self._closing
        )
        with suppress(ConnectionError):  # the client disconnects once it has enough: the usual end of a stream
            await writer.write_from(channel.index_after(last_event_id))
        return response

    def _wake_all(self) -> None:
        for channel in self._channels.values():
            channel.wake_subscribers()


class StreamFaults:
    """Applies the faults of streams to the events of one connection."""

    def __init__(self, request_faults: RequestFaults) -> None:
        self._request_faults = request_faults
        self._sent = 0
        self._done = False
        self._active = {name for name in _CONNECTION_FAULTS if request_faults.trigger(name)}

    def preamble(self) -> bytes:
        """Return what is sent before the first event."""
        return encode_event("done", "{}", None) if "early-done" in self._active else b""

    def find_end(self) -> ConnectionEnd | None:
        """Return how the connection ends now, or None if it goes on."""
        if self._done:
            # A client that got “done” is about to leave; a fault triggered now would be lost for the next connection.
            return "close" if "no-done" in self._active else None

        def is_due(fault: Fault) -> bool:
            return bool(self._sent >= fault.get("after", 0))

        return next((end for name, end in _CONNECTION_ENDS if self._request_faults.trigger(name, ready=is_due)), None)

    def encode_message(self, message: StreamMessage) -> Iterator[bytes]:
        """Yield the bytes that are sent for ``message``."""
        self._sent += 1
        self._done = self._done or message.event == "done"
        if not self._is_sent(message):
            return
        if "stream-corrupt" in self._active:
            yield _GARBAGE
        if "stream-unknown" in self._active:
            yield encode_event("heartbeat", '{"unknown": true}', None)
        yield from [self._encode(message)] * (2 if "stream-duplicate" in self._active else 1)

    def _is_sent(self, message: StreamMessage) -> bool:
        if "no-events" in self._active:
            return False
        if message.event == "done":
            return "no-done" not in self._active
        return not (message.event == "output" and "no-outputs" in self._active)

    def _encode(self, message: StreamMessage) -> bytes:
        event_id: str | None = str(message.id)
        if "stream-no-ids" in self._active:
            event_id = None
        elif "stream-shuffled" in self._active:
            event_id = str(EventId(message.id.time - self._sent, message.id.tag))
        return encode_event(message.event, message.data, event_id)


class _StreamWriter:
    """Writes a channel's messages to one connection."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        channel: Channel,
        *,
        clock: Clock,
        request_faults: RequestFaults,
        closing: asyncio.Event,
    ) -> None:
        self._request = request
        self._response = response
        self._channel = channel
        self._clock = clock
        self._closing = closing
        self._faults = StreamFaults(request_faults)

    async def write_from(self, position: int) -> None:
        """Write every message from ``position`` on, until the stream is idle for too long or the stand-in stops."""
        await self._response.write(GREETING)
        await self._response.write(self._faults.preamble())
        idle_since = self._clock.monotonic()
        while not self._closing.is_set():
            while position < len(self._channel.messages):
                if await self._has_ended():
                    return
                for chunk in self._faults.encode_message(self._channel.messages[position]):
                    await self._response.write(chunk)
                    idle_since = self._clock.monotonic()
                position += 1
            if await self._has_ended():
                return
            remaining = limits.STREAM_IDLE.total_seconds() - (self._clock.monotonic() - idle_since)
            if remaining <= 0:
                await self._response.write(IDLE_TIMEOUT)
                return
            await race(self._clock.sleep(remaining), self._channel.wait_for_change(), self._closing.wait())

    async def _has_ended(self) -> bool:
        match self._faults.find_end():
            case "stall":
                await self._closing.wait()
            case "cut":
                await self._response.write(b"event: output\nid: 1\ndata: half of")
                await asyncio.sleep(0)  # the first half must be sent before the connection is cut
                reset_connection(self._request)
            case "close":
                pass
            case _:
                return False
        return True


def _refused_response(request: web.Request, request_faults: RequestFaults) -> web.Response | None:
    if request_faults.trigger("stream-down"):
        return reset_connection(request)
    if fault := request_faults.trigger("stream-gone"):
        return web.Response(status=fault.get("status", 404))
    if request_faults.trigger("stream-408"):
        return web.Response(status=408)
    if request_faults.trigger("stream-json"):
        return web.json_response({"detail": "The stream is not available."})
    return None
