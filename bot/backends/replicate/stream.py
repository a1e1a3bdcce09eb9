"""A prediction's output as server-sent events: read, resume, drop repeated events."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import httpx
from httpx_sse import EventSource, ServerSentEvent

from bot.backends.replicate.api import Backoff, Jitter
from bot.backends.replicate.errors import TRANSPORT_ERRORS, StreamLost, retry_after
from bot.backends.replicate.transport import BatchedStream, PausableConnection, ReadScheduler, Wanted, at_once
from bot.clock import Clock
from bot.observability.metrics import Metrics

_CLOSE_BEHIND: Final = 16


class EventDeduplicator:
    """Tells an event that was there before from a new one.

    Within a connection a repeat comes close behind its first and has the same id. A new connection that names the
    last id may still bring anything again; that is told by id. One that cannot name an id brings everything again,
    from the start; that is told by what the events say, one by one, for as long as they say the same.

    It holds 16 bytes an event, because a thousand streams of a thousand events are held at once.
    """

    def __init__(self) -> None:
        self.last_id: str | None = None
        """What to send as ``Last-Event-ID``; None where the last event had none."""
        self._marks = array("q")  # of events with an id, in order
        self._newer: set[int] = set()  # the newest of them, at least so many as a repeat may come behind
        self._older: set[int] = set()
        self._contents = array("q")  # of all events, in order
        self._before: frozenset[int] = frozenset()  # marks of earlier connections
        self._replayed: int | None = None  # how far a replay from the start has come

    def reconnect(self) -> None:
        """Note that a new connection begins, opened with ``last_id``."""
        self._before = frozenset(self._marks)
        self._replayed = 0 if self.last_id is None else None

    def is_new(self, kind: str, data: str, id: str | None) -> bool:  # noqa: A002 - the field's name on the wire
        """Say whether this event was not there before, and remember it."""
        content = hash((kind, data))
        self.last_id = id
        new = self._replayed is None or not self._is_replayed(content)
        if id is not None:
            # A decoder hands on the last id to events without one; the content tells those apart.
            mark = hash((id, content))
            if mark in self._newer or mark in self._older or mark in self._before:
                return False
            self._marks.append(mark)
            self._newer.add(mark)
            if len(self._newer) >= _CLOSE_BEHIND:
                self._older, self._newer = self._newer, set()
        if new:
            self._contents.append(content)
        return new

    def _is_replayed(self, content: int) -> bool:
        at = self._replayed
        if at is not None and at < len(self._contents) and self._contents[at] == content:
            self._replayed = at + 1
            return True
        self._replayed = None
        return False


__all__ = ["OnBatch", "StreamBatch", "StreamLost", "follow_stream"]

MAX_FAILURES: Final = 6
BACKOFF: Final = Backoff(first=0.5, longest=10.0)
LONGEST_WAIT: Final = 60.0
# A connection that ended well in less time than this, and brought nothing, is not opened again at once.
BRIEF: Final = 5.0

# Idle streams are closed after 30 s by the documents and after 60 s by experience; a line that is silent for longer
# than that is dead. A timer is not moved at every read, but when the last move is this long ago.
SILENCE_TIMEOUT: Final = 75.0
_MOVED_EVERY: Final = 5.0
TIMEOUT: Final = httpx.Timeout(connect=10.0, read=None, write=10.0, pool=15.0)
# No compression: it would hold events back.
HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """What one read of a stream brought.

    ``outputs`` are pieces of text or URLs, in their order; then ``error`` is what went wrong, in words, and ``end`` why
    it is over: "", "canceled" or "error". None for what was not said; of several errors it is the last.
    """

    outputs: Sequence[str] = ()
    error: str | None = None
    end: str | None = None


OnBatch = Callable[[StreamBatch], None]


class _Closed(Exception):
    """A connection ended, and another may do better: ``reason`` is "idle", "cut" or "refused"."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


async def follow_stream(
    http: httpx.AsyncClient,
    url: str,
    take: OnBatch,
    *,
    clock: Clock,
    metrics: Metrics,
    jitter: Jitter,
    breathing: ReadScheduler,
    wanted: Wanted = at_once,
) -> None:
    """Hand a prediction's events to ``take``, each once and in order, over as many connections as it takes, to its end.

    The first event is read at once; from then on the connection is read as ``breathing`` and ``wanted`` say.

    StreamLost when it cannot be had. An idle stream is waited for without end: whoever follows it stops when the
    prediction is over. Cancelling closes the connection at once.
    """
    intake = _Intake(take, metrics)
    tries = _Tries(clock, jitter)
    while not intake.done:
        tries.begin()
        try:
            async with _open(http, url, intake.seen.last_id, clock) as response:
                await _read(response, intake, tries, clock=clock, breathing=breathing, wanted=wanted)
            closed = _Closed("idle")
        except _Closed as end:
            closed = end
        intake.hand_over()
        if not intake.done:
            metrics.stream_interrupted(closed.reason)
            await clock.sleep(tries.pause(closed))
            intake.seen.reconnect()


async def _read(
    response: httpx.Response,
    intake: "_Intake",
    tries: "_Tries",
    *,
    clock: Clock,
    breathing: ReadScheduler,
    wanted: Wanted,
) -> None:
    """Read one connection until it ends or the prediction does; _Closed when it breaks."""
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(SILENCE_TIMEOUT) as silence:

            def drained() -> bool:
                if (silence.when() or 0.0) < now() + SILENCE_TIMEOUT - _MOVED_EVERY:
                    silence.reschedule(now() + SILENCE_TIMEOUT)
                if came := intake.hand_over():
                    tries.succeeded()
                return came

            arriving = cast("httpx.AsyncByteStream", response.stream)
            tap = PausableConnection(response.extensions)
            response.stream = BatchedStream(arriving, breathing, clock, tap=tap, drained=drained, wanted=wanted)
            async with aclosing(EventSource(response).aiter_sse()) as events:
                async for sent in events:
                    intake.add(sent)
                    if intake.done:
                        return
    except TimeoutError as error:
        raise _Closed("idle") from error
    except TRANSPORT_ERRORS as error:
        raise _Closed("cut") from error


class _Intake:
    """Collects what is read until it is handed over; each event is taken once, however often it comes."""

    def __init__(self, take: OnBatch, metrics: Metrics) -> None:
        self.seen = EventDeduplicator()
        self.done = False
        self._take = take
        self._metrics = metrics
        self._outputs: list[str] = []
        self._error: str | None = None
        self._end: str | None = None

    def add(self, sent: ServerSentEvent) -> None:
        """Take what was sent, if it is an event and new."""
        name, data = sent.event, sent.data
        if name == "output":
            if self.seen.is_new(name, data, sent.id or None):
                self._outputs.append(data)
        elif name in ("error", "done"):
            if self.seen.is_new(name, data, sent.id or None):
                self._say(name, data)
        elif name != "message" or data:  # the decoder makes an empty message of every comment
            self._metrics.stream_event_ignored()

    def _say(self, name: str, data: str) -> None:
        if name == "error":
            self._error = _words(data, "detail") or data
        else:
            self._end = _words(data, "reason")
            self.done = True

    def hand_over(self) -> bool:
        """Hand over what there is; return whether there was anything."""
        if not self._outputs and self._error is None and self._end is None:
            return False
        gulp = StreamBatch(self._outputs, self._error, self._end)
        self._outputs, self._error, self._end = [], None, None
        self._take(gulp)
        return True


class _Tries:
    """Counts what went wrong in a row, and says how long to wait because of it."""

    def __init__(self, clock: Clock, jitter: Jitter) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._brief = 0
        self._began = 0.0

    def begin(self) -> None:
        """Note that a connection is opened."""
        self._began = self._clock.monotonic()

    def succeeded(self) -> None:
        """Note that it brought something new."""
        self._failures = self._brief = 0

    def pause(self, closed: _Closed) -> float:
        """Return the seconds to wait before the next connection; StreamLost after too many failures in a row."""
        if closed.reason == "idle":
            self._failures = 0
            self._brief = self._brief + 1 if self._clock.monotonic() - self._began < BRIEF else 1
            return BACKOFF.after(self._brief, self._jitter)
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            raise StreamLost(f"The stream could not be had in {MAX_FAILURES} attempts.")
        return max(min(closed.wait, LONGEST_WAIT), BACKOFF.after(self._failures, self._jitter))


@asynccontextmanager
async def _open(http: httpx.AsyncClient, url: str, last_id: str | None, clock: Clock) -> AsyncIterator[httpx.Response]:
    """Open the stream once; _Closed when that fails, StreamLost when there is no point in trying again."""
    if http.is_closed:
        raise StreamLost("The bot is closing; no stream is opened any more.")
    headers = HEADERS if last_id is None else {**HEADERS, "Last-Event-ID": last_id}
    try:
        request = http.build_request("GET", url, headers=headers, timeout=TIMEOUT)
        request.headers.pop("Authorization", None)
        async with asyncio.timeout(SILENCE_TIMEOUT):
            response = await http.send(request, stream=True, auth=None, follow_redirects=False)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise StreamLost("The stream's address is not one that can be opened.") from error
    except (*TRANSPORT_ERRORS, TimeoutError) as error:
        raise _Closed("cut") from error
    try:
        _check(response, clock)
        yield response
    finally:
        await response.aclose()
        response.stream = httpx.ByteStream(b"")  # the stream and the answer would hold each other


def _check(response: httpx.Response, clock: Clock) -> None:
    status = response.status_code
    if status == 408:
        raise _Closed("idle")
    if status == 429 or status >= 500:
        raise _Closed("refused", wait=retry_after(response, now=clock.now()) or 0.0)
    if status != 200:
        raise StreamLost(f"The stream's server answered {status}.", status=status)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "text/event-stream":
        raise StreamLost(f"The stream's server sent {content_type or 'nothing'} and no events.", status=status)


def _words(data: str, key: str) -> str:
    """Return what a JSON object says under ``key``, "" where it says nothing there; other text stays as it is."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return str(value.get(key) or "") if isinstance(value, dict) else data
