"""The connections of the HTTP server: how many there are at once, and how long each may take.

aiohttp bounds neither: a connection that sends nothing, half a head, or reads no response would stay for good.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

from bot.limits import HTTP_CONNECTIONS, HTTP_HEAD_WAIT, HTTP_REQUEST_WAIT

ProtocolFactory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """``head`` is the seconds in which a request's head must be complete, ``request`` those until it is answered."""

    connections: int = HTTP_CONNECTIONS
    head: float = HTTP_HEAD_WAIT.total_seconds()
    request: float = HTTP_REQUEST_WAIT.total_seconds()


DEFAULT_LIMITS: Final = ConnectionLimits()


class Connections:
    """Every open connection. As a protocol factory it wraps each protocol of ``factory``.

    When there is one too many, the one that has waited longest for a request is closed, or else the one whose request
    takes longest: whoever fills the server with connections loses their own first.
    """

    def __init__(self, factory: ProtocolFactory, limits: ConnectionLimits = DEFAULT_LIMITS) -> None:
        self._factory = factory
        self._limits = limits
        # By transport, those that have been so the longest first.
        self._waiting: dict[asyncio.BaseTransport, _Connection] = {}
        self._serving: dict[asyncio.BaseTransport, _Connection] = {}

    def __call__(self) -> asyncio.Protocol:
        return _Connection(self, self._factory())

    def __len__(self) -> int:
        return len(self._waiting) + len(self._serving)

    @contextmanager
    def serve(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """Count a connection as being served during the block: its request has a complete head."""
        connection = self._waiting.pop(transport, None) if transport is not None else None
        if transport is None or connection is None:
            yield  # lost already
            return
        self._serving[transport] = connection
        connection.close_after(self._limits.request)
        try:
            yield
        finally:
            if self._serving.pop(transport, None) is not None:
                self._wait(transport, connection)

    def extend(self, transport: asyncio.BaseTransport | None, seconds: float) -> None:
        """Give the request that is being served on a connection so many seconds from now: it may send much."""
        connection = self._serving.get(transport) if transport is not None else None
        if connection is not None:
            connection.close_after(seconds)

    def add(self, transport: asyncio.Transport, connection: "_Connection") -> None:
        while len(self) >= self._limits.connections:
            longest = next(iter(self._waiting or self._serving))
            (self._waiting.pop(longest, None) or self._serving.pop(longest)).close()
        self._wait(transport, connection)

    def remove(self, transport: asyncio.BaseTransport) -> None:
        self._waiting.pop(transport, None)
        self._serving.pop(transport, None)

    def _wait(self, transport: asyncio.BaseTransport, connection: "_Connection") -> None:
        self._waiting[transport] = connection
        connection.close_after(self._limits.head)


class _Connection(asyncio.Protocol):
    """Passes everything on to the server's own protocol, and closes the connection when its time is up."""

    def __init__(self, connections: Connections, protocol: asyncio.Protocol) -> None:
        self._connections = connections
        self._protocol = protocol
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)  # a TCP server makes no other; uvloop's is no subclass
        self._transport = stream
        self._connections.add(stream, self)
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._connections.remove(self._transport)
        self._transport = None
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def close_after(self, seconds: float) -> None:
        """Close the connection after ``seconds``, unless this is called again before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.close)

    def close(self) -> None:
        """Close the connection without waiting for anything."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # a client that does not read would keep it open
        else:
            self._transport.close()
