"""The stream origin: server-sent events, as nginx Nchan serves them.

No token is asked for: the path is the capability. A stream begins with ``: hi``, replays what comes after
``Last-Event-ID`` (everything, without one), and closes after 30 idle seconds with ``:408: 408 Request Timeout``.
It does not close after ``done``; clients do.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from aiohttp import web

from bot import limits
from bot.clock import Clock
from sandbox.replicate.breaking import Chances, reset
from sandbox.replicate.channel import HELLO, IDLE_CLOSE, Channel
from sandbox.replicate.faults import Faults
from sandbox.replicate.tampering import Tampering
from sandbox.replicate.waiting import within

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
}


class Streams:
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
        chances = Chances(self._faults, channel.model, request)
        if refusal := _refusal(request, chances):
            return refusal
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        last = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
        subscriber = Subscriber(request, response, channel, clock=self._clock, chances=chances, closing=self._closing)
        with suppress(ConnectionError):  # the client goes when it has seen enough: the usual end of a stream
            await subscriber.follow(channel.after(last))
        return response

    def _wake(self) -> None:
        for channel in self._channels.values():
            channel.wake()


class Subscriber:
    """One connection to a channel."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        channel: Channel,
        *,
        clock: Clock,
        chances: Chances,
        closing: asyncio.Event,
    ) -> None:
        self._request = request
        self._response = response
        self._channel = channel
        self._clock = clock
        self._closing = closing
        self._tampering = Tampering(chances)

    async def follow(self, position: int) -> None:
        """Send everything from ``position`` on, until the stream is idle for too long or the stand-in stops."""
        await self._response.write(HELLO)
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
            if left <= 0 or not await within(self._clock, left, self._channel.news(), self._closing.wait()):
                await self._response.write(IDLE_CLOSE)
                return

    async def _ended(self) -> bool:
        match self._tampering.end():
            case "stall":
                await self._closing.wait()
            case "cut":
                await self._response.write(b"event: output\nid: 1\ndata: half of")
                await asyncio.sleep(0)  # the half must leave before the connection does
                reset(self._request)
            case "close":
                pass
            case _:
                return False
        return True


def _refusal(request: web.Request, chances: Chances) -> web.Response | None:
    if chances.take("stream-down"):
        return reset(request)
    if fault := chances.take("stream-gone"):
        return web.Response(status=fault.get("status", 404))
    if chances.take("stream-408"):
        return web.Response(status=408)
    if chances.take("stream-json"):
        return web.json_response({"detail": "The stream is not available."})
    return None
