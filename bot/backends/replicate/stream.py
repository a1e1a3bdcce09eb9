"""The output of a prediction as server-sent events: reading, reconnecting, dropping repeated events."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final, cast

import httpx
from httpx_sse import EventSource, ServerSentEvent

from bot.aio import Jitter, backoff_delay
from bot.backends.errors import StreamLost
from bot.backends.prediction import NextReadIn, OnBatch, StreamBatch
from bot.backends.replicate.errors import TRANSPORT_ERRORS, retry_after
from bot.backends.replicate.transport import BatchedStream, PausableConnection, ReadScheduler, read_at_once
from bot.clock import Clock
from bot.observability.metrics import Metrics

MAX_FAILURES: Final = 6
_INITIAL_DELAY: Final = 0.5
_MAX_DELAY: Final = 10.0
_MAX_RETRY_AFTER: Final = 60.0
_SHORT_CONNECTION: Final = 5.0  # seconds; a connection that ends sooner without an event is not reopened at once

# Idle streams are closed after 30 s by the documentation and after 60 s in practice, so a connection that is silent for
# longer is dead. Moving a timer costs as much as a read, so it is moved only when the last move is some seconds old.
SILENCE_TIMEOUT: Final = 75.0
_TIMER_INTERVAL: Final = 5.0
_TIMEOUT: Final = httpx.Timeout(connect=10.0, read=None, write=10.0, pool=15.0)

# No compression: it would delay events.
_HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"}

_JSON_CHARS: Final = 64 * 1024  # of an error or an end that is parsed; those of real models have some hundred

_KINDS: Final = frozenset({"output", "error", "done"})
_REPEAT_DISTANCE: Final = 16  # events between an event and its repeat on the same connection, at most


class Streams:
    """The streams of predictions. ``scheduler`` decides when they are read."""

    def __init__(
        self, http: httpx.AsyncClient, *, clock: Clock, metrics: Metrics, jitter: Jitter, scheduler: ReadScheduler
    ) -> None:
        self._http = http
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._scheduler = scheduler

    async def read(
        self,
        url: str,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn = read_at_once,
        on_interruption: Callable[[], None] | None = None,
    ) -> None:
        """Pass the events of a prediction to ``on_batch``, each once and in order, until the stream's end.

        ``url`` is the prediction's ``stream_url``; the token is not sent there. Events that were read together are one
        batch. Connections are opened as often as needed. The first event is read at once; later reads are as the
        scheduler and ``next_read_in`` say. An idle stream is reopened without end: the caller cancels when the
        prediction is over, which closes the connection at once. ``on_interruption`` is called whenever a connection
        ends before the stream does: the prediction may be over.

        Raises StreamLost if the stream does not exist, is not a stream of events, or failed MAX_FAILURES times in a
        row.
        """
        collector = _EventCollector(EventDeduplicator(), on_batch, self._metrics)
        reconnects = _Reconnects(self._jitter)
        while not collector.ended:
            opened_at = self._clock.monotonic()
            try:
                async with _connect(self._http, url, collector.events.last_id, self._clock) as response:
                    await self._read_connection(response, collector, reconnects, next_read_in)
                closed = _ConnectionClosed("idle")
            except _ConnectionClosed as error:
                closed = error
            collector.flush()
            if not collector.ended:
                self._metrics.stream_interrupted(closed.reason)
                if on_interruption is not None:
                    on_interruption()
                lasted = self._clock.monotonic() - opened_at
                await self._clock.sleep(reconnects.delay_after(closed, lasted=lasted))
                collector.events.on_reconnect()

    async def _read_connection(
        self,
        response: httpx.Response,
        collector: "_EventCollector",
        reconnects: "_Reconnects",
        next_read_in: NextReadIn,
    ) -> None:
        """Read a connection until it or the stream ends; raise _ConnectionClosed when it breaks."""
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(SILENCE_TIMEOUT) as silence:

                def flush() -> bool:
                    if (silence.when() or 0.0) < now() + SILENCE_TIMEOUT - _TIMER_INTERVAL:
                        silence.reschedule(now() + SILENCE_TIMEOUT)
                    if has_events := collector.flush():
                        reconnects.on_events()
                    return has_events

                response.stream = BatchedStream(
                    cast("httpx.AsyncByteStream", response.stream),
                    self._scheduler,
                    self._clock,
                    connection=PausableConnection(response.extensions),
                    flush=flush,
                    next_read_in=next_read_in,
                )
                async with aclosing(EventSource(response).aiter_sse()) as events:
                    async for event in events:
                        collector.add(event)
                        if collector.ended:
                            return
        except TimeoutError as error:
            raise _ConnectionClosed("idle") from error
        except TRANSPORT_ERRORS as error:
            raise _ConnectionClosed("cut") from error


class EventDeduplicator:
    """Recognize events that arrived before.

    On one connection a repeat has the id of the original and follows within a few events. A new connection opened with
    the last id may still repeat any event; those are recognized by id. A new connection without an id repeats all
    events from the start; those are recognized by comparing the contents in order, for as long as they are equal.

    It needs 16 bytes per event, because a thousand streams of a thousand events are held at the same time.
    """

    def __init__(self) -> None:
        self.last_id: str | None = None
        """The value for ``Last-Event-ID``; None if the last event had no id."""
        self._keys = array("q")  # hashes of id and content of events with an id, in order
        self._recent: set[int] = set()  # the newest keys, and the ones before: together at least _REPEAT_DISTANCE
        self._less_recent: set[int] = set()
        self._contents = array("q")  # hashes of the contents of all events, in order
        self._earlier_keys: frozenset[int] = frozenset()  # of earlier connections
        self._replay_position: int | None = None  # in _contents, while a connection repeats all events

    def on_reconnect(self) -> None:
        """Prepare for the events of a new connection, opened with ``last_id``."""
        self._earlier_keys = frozenset(self._keys)
        self._replay_position = 0 if self.last_id is None else None

    def is_new(self, kind: str, data: str, id: str | None) -> bool:  # noqa: A002 - the field's name in the protocol
        """Return whether the event is new, and remember it."""
        content = hash((kind, data))
        self.last_id = id
        is_new = True
        position, self._replay_position = self._replay_position, None
        if position is not None and position < len(self._contents) and self._contents[position] == content:
            self._replay_position = position + 1
            is_new = False
        if id is not None:
            # The decoder gives an event without an id the id of the one before, so the content is part of the key.
            key = hash((id, content))
            if key in self._recent or key in self._less_recent or key in self._earlier_keys:
                return False
            self._keys.append(key)
            self._recent.add(key)
            if len(self._recent) >= _REPEAT_DISTANCE:
                self._less_recent, self._recent = self._recent, set()
        if is_new:
            self._contents.append(content)
        return is_new


class _ConnectionClosed(Exception):
    """A connection ended and can be opened again. ``reason`` is "idle", "cut" or "refused"."""

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class _EventCollector:
    """Collect new events until ``flush`` passes them on as one batch."""

    def __init__(self, events: EventDeduplicator, on_batch: OnBatch, metrics: Metrics) -> None:
        self.events = events
        self.ended = False
        self._on_batch = on_batch
        self._metrics = metrics
        self._outputs: list[str] = []
        self._error: str | None = None
        self._end: str | None = None

    def add(self, event: ServerSentEvent) -> None:
        kind, data = event.event, event.data
        if kind not in _KINDS:
            if kind != "message" or data:  # the decoder makes an empty message of every comment
                self._metrics.stream_event_ignored()
        elif not self.events.is_new(kind, data, event.id or None):
            return
        elif kind == "output":
            self._outputs.append(data)
        elif kind == "error":
            self._error = _json_member(data, "detail") or data
        else:
            self._end = _json_member(data, "reason")
            self.ended = True

    def flush(self) -> bool:
        """Pass on the events since the last flush; return whether there were any."""
        if not self._outputs and self._error is None and self._end is None:
            return False
        batch = StreamBatch(self._outputs, self._error, self._end)
        self._outputs, self._error, self._end = [], None, None
        self._on_batch(batch)
        return True


class _Reconnects:
    """Decide how long to wait before the next connection, by what went wrong in a row."""

    def __init__(self, jitter: Jitter) -> None:
        self._jitter = jitter
        self._failures = 0
        self._short_connections = 0

    def on_events(self) -> None:
        self._failures = self._short_connections = 0

    def delay_after(self, closed: _ConnectionClosed, *, lasted: float) -> float:
        """Return the delay in seconds after a connection of ``lasted`` seconds.

        Raises StreamLost after too many failures in a row.
        """
        if closed.reason == "idle":
            self._failures = 0
            self._short_connections = self._short_connections + 1 if lasted < _SHORT_CONNECTION else 1
            return self._backoff(self._short_connections)
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            raise StreamLost(f"The stream failed {MAX_FAILURES} times in a row.")
        return max(min(closed.retry_after, _MAX_RETRY_AFTER), self._backoff(self._failures))

    def _backoff(self, attempt: int) -> float:
        return backoff_delay(attempt, initial=_INITIAL_DELAY, maximum=_MAX_DELAY, jitter=self._jitter)


@asynccontextmanager
async def _connect(
    http: httpx.AsyncClient, url: str, last_id: str | None, clock: Clock
) -> AsyncIterator[httpx.Response]:
    """Open one connection; raise _ConnectionClosed if a retry may work, StreamLost if not."""
    if http.is_closed:
        raise StreamLost("The bot is shutting down; no more streams are opened.")
    headers = _HEADERS if last_id is None else {**_HEADERS, "Last-Event-ID": last_id}
    try:
        request = http.build_request("GET", url, headers=headers, timeout=_TIMEOUT)
        request.headers.pop("Authorization", None)
        async with asyncio.timeout(SILENCE_TIMEOUT):
            response = await http.send(request, stream=True, auth=None, follow_redirects=False)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise StreamLost("The stream's URL is invalid.") from error
    except (*TRANSPORT_ERRORS, TimeoutError) as error:
        raise _ConnectionClosed("cut") from error
    try:
        _check(response, clock)
        yield response
    finally:
        await response.aclose()
        response.stream = httpx.ByteStream(b"")  # breaks the reference cycle of stream and response


def _check(response: httpx.Response, clock: Clock) -> None:
    status = response.status_code
    if status == 408:
        raise _ConnectionClosed("idle")
    if status == 429 or status >= 500:
        raise _ConnectionClosed("refused", retry_after=retry_after(response, now=clock.now()) or 0.0)
    if status != 200:
        raise StreamLost(f"The stream's server responded with an error ({status}).", status=status)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "text/event-stream":
        raise StreamLost(f"The stream's server sent {content_type or 'no content type'}, not events.", status=status)


def _json_member(data: str, key: str) -> str:
    """Return a member of a JSON object as text, "" if there is none; data that is no JSON, or long, as it is."""
    if len(data) > _JSON_CHARS:
        return data
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return str(value.get(key) or "") if isinstance(value, dict) else data
