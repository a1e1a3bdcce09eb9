"""Stream: what a prediction says while it runs, as server-sent events.

The server is nginx Nchan. It begins with a comment, closes a stream that was idle for 30 seconds (which during a
cold boot happens again and again), and on a new connection goes on after ``Last-Event-ID``, or starts over without
one. A stream URL is a capability of its own: the API's token is never sent to it.

The stream is the picture, not the truth: the prediction itself is.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import httpx
from httpx_sse import EventSource, ServerSentEvent

from bot.clock import Clock
from bot.replicate.answers import retry_after
from bot.replicate.backoff import Backoff, Jitter
from bot.replicate.breath import Breath, Breathing, Wanted, at_once
from bot.replicate.errors import StreamLost
from bot.replicate.failures import TRANSPORT_ERRORS
from bot.replicate.meter import Meter
from bot.replicate.seen import Seen
from bot.replicate.tap import Tap

__all__ = ["Gulp", "StreamLost", "Take", "follow"]

MOST_FAILURES: Final = 6
BACKOFF: Final = Backoff(first=0.5, longest=10.0)
LONGEST_WAIT: Final = 60.0
# A connection that ended well in less time than this, and brought nothing, is not opened again at once.
BRIEF: Final = 5.0

# Idle streams are closed after 30 s by the documents and after 60 s by experience; a line that is silent for longer
# than that is dead. A timer is not moved at every read, but when the last move is this long ago.
SILENCE: Final = 75.0
_MOVED_EVERY: Final = 5.0
TIMEOUT: Final = httpx.Timeout(connect=10.0, read=None, write=10.0, pool=15.0)
# No compression: it would hold events back.
HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Gulp:
    """What one read of a stream brought.

    ``outputs`` are pieces of text or URLs, in their order; then ``error`` is what went wrong, in words, and ``end`` why
    it is over: "", "canceled" or "error". None for what was not said; of several errors it is the last.
    """

    outputs: Sequence[str] = ()
    error: str | None = None
    end: str | None = None


Take = Callable[[Gulp], None]


class _Closed(Exception):
    """A connection ended, and another may do better: ``reason`` is "idle", "cut" or "refused"."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


async def follow(
    http: httpx.AsyncClient,
    url: str,
    take: Take,
    *,
    clock: Clock,
    meter: Meter,
    jitter: Jitter,
    breathing: Breathing,
    wanted: Wanted = at_once,
) -> None:
    """Hand a prediction's events to ``take``, each once and in order, over as many connections as it takes, to its end.

    The first event is read at once; from then on the connection is read as ``breathing`` and ``wanted`` say.

    StreamLost when it cannot be had. An idle stream is waited for without end: whoever follows it stops when the
    prediction is over. Cancelling closes the connection at once.
    """
    intake = _Intake(take, meter)
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
            meter.stream_closed(closed.reason)
            await clock.sleep(tries.pause(closed))
            intake.seen.reconnect()


async def _read(
    response: httpx.Response,
    intake: "_Intake",
    tries: "_Tries",
    *,
    clock: Clock,
    breathing: Breathing,
    wanted: Wanted,
) -> None:
    """Read one connection until it ends or the prediction does; _Closed when it breaks."""
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(SILENCE) as silence:

            def drained() -> bool:
                if (silence.when() or 0.0) < now() + SILENCE - _MOVED_EVERY:
                    silence.reschedule(now() + SILENCE)
                if came := intake.hand_over():
                    tries.succeeded()
                return came

            arriving = cast("httpx.AsyncByteStream", response.stream)
            tap = Tap(response.extensions)
            response.stream = Breath(arriving, breathing, clock, tap=tap, drained=drained, wanted=wanted)
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

    def __init__(self, take: Take, meter: Meter) -> None:
        self.seen = Seen()
        self.done = False
        self._take = take
        self._meter = meter
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
            self._meter.event_ignored()

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
        gulp = Gulp(self._outputs, self._error, self._end)
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
        if self._failures >= MOST_FAILURES:
            raise StreamLost(f"The stream could not be had in {MOST_FAILURES} attempts.")
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
        async with asyncio.timeout(SILENCE):
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
