"""Connections to Replicate: the HTTP client for thousands of them, and streams that are read in batches.

A thousand streams bring thousands of events a second. Reading each event as it arrives costs a wake-up of the event
loop and a pass through every layer per event. A stream is read when its text can be shown instead, and its connection
is paused in between, so that the data waits in the kernel (docs/adr/0007 and 0009; measured in docs/numbers.md).
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bot.backends.errors import StreamLost
from bot.backends.prediction import NextReadIn
from bot.backends.replicate.api import TIMEOUT
from bot.backends.replicate.errors import CONNECTED_EXTENSION
from bot.clock import Clock
from bot.limits import STREAM_BYTES

MAX_CONNECTIONS: Final = 8192  # every stream is a connection

# A create on a connection that the server is just closing may or may not be received. A connection that was idle for
# longer than this is not used again, and servers keep theirs open for much longer.
_KEEPALIVE_SECONDS: Final = 5.0

# aiohttp asks its parser for more with every chunk that is taken while it holds few, and every event is a chunk. With
# the smallest buffer "few" is less than two.
_READ_BUFFER_BYTES: Final = 1

_CONNECTION_EXTENSION: Final = "replicord_connection"

# Reads are scheduled this many seconds before their data is used, plus twice the lateness: a pause that ends late is
# followed by a read that is as late again, and so is its decoding.
_LEAD_SECONDS: Final = 0.015
_LATENESS_FACTOR: Final = 2.0
_LATENESS_WINDOW: Final = 50  # pauses in the moving average of the lateness

# The most that one read brings. A read of this size is followed by another at once: there is more to come, such as an
# image in the stream itself.
_FULL_READ_BYTES: Final = 16 * 1024

_latest_response: ContextVar[aiohttp.ClientResponse | None] = ContextVar("latest_response", default=None)
_current_request: ContextVar[httpx.Request | None] = ContextVar("current_request", default=None)


def open_http(*, max_connections: int = MAX_CONNECTIONS) -> httpx.AsyncClient:
    """Return an HTTP client for thousands of concurrent connections; close it with ``aclose()``.

    It keeps no cookies, follows no redirects and adds no token.
    """
    return httpx.AsyncClient(
        transport=PausableTransport(max_connections=max_connections),
        timeout=TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": "replicord"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


def read_at_once() -> float:
    """Use all data of a stream as it arrives (a NextReadIn)."""
    return 0.0


class PausableTransport(AiohttpTransport):
    """httpx on aiohttp's connections. Each response carries its connection, for PausableConnection.

    httpx-aiohttp does not expose the aiohttp response. The session's trace does; it runs in the task of the request.
    The trace also tells when a request has a connection: from then on parts of it may have been sent.
    """

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._max_connections = max_connections
        # aiohttp has loaded the system's certificates once for all sessions, and the session ignores this context.
        # Without it httpx would load them a second time: half a second and some megabytes.
        super().__init__(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), client=self._open_session)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the response's body is not read yet."""
        token = _current_request.set(request)
        try:
            response = await super().handle_async_request(request)
        finally:
            _current_request.reset(token)
        inner = _latest_response.get()
        _latest_response.set(None)
        if inner is not None and inner.connection is not None:
            response.extensions[_CONNECTION_EXTENSION] = inner.connection.transport
        return response

    def _open_session(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(_remember_response)
        trace.on_connection_create_end.append(_mark_connected)
        trace.on_connection_reuseconn.append(_mark_connected)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=_KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER_BYTES,
            trace_configs=[trace],
        )


async def _remember_response(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
) -> None:
    _latest_response.set(params.response)


async def _mark_connected(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
    request = _current_request.get()
    if request is not None:
        request.extensions[CONNECTED_EXTENSION] = True


class PausableConnection:
    """The connection that a response's body comes from. Pausing an unknown or closed connection does nothing.

    aiohttp itself stops reading when its buffer is full, which for events is after five chunks: without this a stream
    wakes the loop five times in every pause, and every read comes in two halves (docs/adr/0009).
    """

    def __init__(self, extensions: Mapping[str, Any]) -> None:
        self._transport = extensions.get(_CONNECTION_EXTENSION)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Read nothing from the socket; arriving data stays in the kernel's buffer and wakes no task."""
        transport = self._transport
        if transport is None or transport.is_closing():
            yield
            return
        transport.pause_reading()
        try:
            yield
        finally:
            if not transport.is_closing():
                transport.resume_reading()


@dataclass(slots=True, kw_only=True)
class ReadScheduler:
    """Decide how long each stream pauses between two reads, in seconds.

    A pause ends just before more data can be used, after ``min_delay`` at the soonest and ``max_delay`` at the latest:
    the stream also brings the end of a prediction. With many streams pauses are longer, so that all of them together
    are read ``reads_per_second`` times a second and the event loop has time for commands. ``lateness`` is a moving
    average of how late pauses ended. Streams do not pause at all if ``max_delay`` is 0.
    """

    min_delay: float = 0.0
    max_delay: float = 0.0
    reads_per_second: int = 400
    streams: int = 0
    lateness: float = 0.0

    def delay(self, next_read_in: float) -> float:
        """Return the seconds that one stream pauses now."""
        if not self.max_delay:
            return 0.0
        fair_share = self.streams / self.reads_per_second
        if next_read_in <= 0.0:
            return max(self.min_delay, fair_share)
        max_delay = max(self.max_delay, fair_share)
        lead = _LEAD_SECONDS + _LATENESS_FACTOR * self.lateness
        remaining = next_read_in - lead
        # Within one lead of the next use the data was read a moment ago.
        return max(self.min_delay, min(remaining, max_delay)) if remaining > lead else max_delay

    def record_lateness(self, seconds: float) -> None:
        """Add the lateness of a pause to the average."""
        self.lateness += (seconds - self.lateness) / _LATENESS_WINDOW


class BatchedStream(httpx.AsyncByteStream):
    """The bytes of another stream, with a pause before each read once the first event has arrived.

    ``flush`` is called when the bytes read so far have been decoded. It hands on their events and returns whether there
    were any; until then every byte is passed on as it arrives.
    """

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        scheduler: ReadScheduler,
        clock: Clock,
        *,
        connection: PausableConnection,
        flush: Callable[[], bool],
        next_read_in: NextReadIn = read_at_once,
    ) -> None:
        self._stream = stream
        self._scheduler = scheduler
        self._clock = clock
        self._connection = connection
        self._flush = flush
        self._next_read_in = next_read_in
        self._has_events = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for data in self._stream:
            received += len(data)
            if received > STREAM_BYTES:  # the prediction itself, which polls bring, is bounded too
                raise StreamLost("The stream brought more than this bot reads.")
            yield data
            if self._flush() and not self._has_events:
                self._has_events = True
                self._scheduler.streams += 1
            if not self._has_events or len(data) >= _FULL_READ_BYTES:
                continue
            if delay := self._scheduler.delay(self._next_read_in()):
                due_at = self._clock.monotonic() + delay
                with self._connection.paused():
                    await self._clock.sleep(delay)
                self._scheduler.record_lateness(self._clock.monotonic() - due_at)

    async def aclose(self) -> None:
        """Close the other stream."""
        if self._has_events:
            self._has_events = False
            self._scheduler.streams -= 1
        await self._stream.aclose()
