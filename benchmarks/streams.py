"""Cheap streams: the format of ``sandbox.replicate.streams``, encoded once for all subscribers."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from aiohttp import web

from bot import limits
from sandbox.replicate.streams import (
    GREETING,
    HEADERS,
    IDLE_TIMEOUT,
    Channel,
    StreamMessage,
    StreamServer,
    encode_event,
)

_CHECK_EVERY = 1.0


def encode_chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk of HTTP's chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_message(message: StreamMessage) -> bytes:
    """Return an event as it is sent."""
    return encode_chunk(encode_event(message.event, message.data, str(message.id)))


class SharedChannel(Channel):
    """A channel that writes directly to its subscribers when an event is published, without a task for each."""

    def __init__(self, *, prediction_id: str, model: str, now: Callable[[], datetime]) -> None:
        super().__init__(prediction_id=prediction_id, model=model, now=now)
        self.transports: set[asyncio.Transport] = set()
        self.sent_at = 0.0
        self.on_done: Callable[[], None] | None = None

    def publish(self, event: str, data: str) -> StreamMessage:
        """Add an event and send it."""
        message = super().publish(event, data)
        self._send(encode_message(message))
        if event == "done" and self.on_done is not None:
            self.on_done()
        return message

    def share(self, message: StreamMessage, encoded: bytes) -> None:
        """Add an event that is sent to many channels, already encoded."""
        self.messages.append(message)
        self._send(encoded)

    def _send(self, encoded: bytes) -> None:
        self.sent_at = asyncio.get_running_loop().time()
        for transport in self.transports:
            if not transport.is_closing():
                transport.write(encoded)


class SharedStreams(StreamServer):
    """Serves channels as Nchan does: a greeting, missed events, new events, and the end after 30 idle seconds."""

    def open_channel(self, path: str, *, prediction_id: str, model: str) -> SharedChannel:
        """Create the channel that is served at ``path``."""
        channel = SharedChannel(prediction_id=prediction_id, model=model, now=self._clock.now)
        self._channels[path] = channel
        return channel

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        channel = self._channels.get(request.path)
        if not isinstance(channel, SharedChannel):
            return web.Response(status=404)
        if (expires_at := self._expires_at.get(request.path)) and self._clock.now() >= expires_at:
            return web.Response(status=410)
        response = web.StreamResponse(headers=HEADERS)
        response.enable_chunked_encoding()
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            return response
        missed = channel.messages[channel.index_after(request.headers.get("Last-Event-ID")) :]
        transport.write(encode_chunk(GREETING) + b"".join(map(encode_message, missed)))
        channel.transports.add(transport)
        channel.sent_at = asyncio.get_running_loop().time()
        try:
            await self._keep_open(channel, transport)
        finally:
            channel.transports.discard(transport)
        with suppress(ConnectionError):
            await response.write(IDLE_TIMEOUT)
        return response

    async def _keep_open(self, channel: SharedChannel, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        while not self._closing.is_set() and not transport.is_closing():
            if loop.time() - channel.sent_at >= limits.STREAM_IDLE.total_seconds():
                return
            await asyncio.sleep(_CHECK_EVERY)
