"""An httpx transport whose responses can be paused, and streams read in batches. Saves CPU with many streams."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bot.clock import Clock

_EXTENSION: Final = "replicord_connection"


class PausableTransport(AiohttpTransport):
    """httpx's requests on aiohttp's connections; an answer carries its connection with it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        response = await super().handle_async_request(request)
        # httpx-aiohttp hands it on to nobody. Without it nothing is lost but the saving.
        under = getattr(response.stream, "_aiohttp_response", None)
        if isinstance(under, aiohttp.ClientResponse) and under.connection is not None:
            response.extensions[_EXTENSION] = under.connection.transport
        return response


class PausableConnection:
    """The connection that an answer's body comes from; one that is not known stays open."""

    def __init__(self, extensions: Mapping[str, Any]) -> None:
        self._transport = extensions.get(_EXTENSION)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Read nothing meanwhile: what arrives wakes nobody, and waits in the kernel as far as it has room."""
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


_AHEAD = 0.015
# A pause that ends late is followed by a read that is as late again, and so is its decoding.
_TURNS = 2.0
_RECENT = 50  # pauses
# What one read brings at most. After so much there is more: a picture that is sent in the stream itself.
_FULL = 16 * 1024

Wanted = Callable[[], float]
"""In how many seconds more of a stream can be put to use; 0.0 for now."""


def at_once() -> float:
    """Want everything as it comes."""
    return 0.0


@dataclass(slots=True, kw_only=True)
class ReadScheduler:
    """How long all streams together pause between two reads, in seconds.

    A pause ends when more is wanted, after ``shortest`` at the soonest and after ``longest`` at the latest: a stream
    also tells of its end. Many streams pause longer, so that all together are read about ``a_second`` times a second
    and leave the loop time to answer people. ``lateness`` is how late pauses ended lately.
    """

    shortest: float = 0.0
    longest: float = 0.0
    a_second: int = 400
    streams: int = 0
    lateness: float = 0.0

    def pause(self, wanted: float) -> float:
        """Return how long one stream pauses now; no streams pause at all where ``longest`` is 0."""
        if not self.longest:
            return 0.0
        share = self.streams / self.a_second
        if wanted <= 0.0:
            return max(self.shortest, share)
        longest = max(self.longest, share)
        ahead = _AHEAD + _TURNS * self.lateness
        left = wanted - ahead  # in time for what is wanted; if that is now, it was read a moment ago
        return max(self.shortest, min(left, longest)) if left > ahead else longest

    def ended(self, late: float) -> None:
        """Learn how many seconds late a pause ended."""
        self.lateness += (late - self.lateness) / _RECENT


class BatchedStream(httpx.AsyncByteStream):
    """Another stream's bytes, with a pause between two reads once something came.

    ``tap`` is the connection that they come from. ``drained`` is called before the next read, when whatever was read
    before has been decoded, and says whether there was anything in it; until there was, every byte is handed on as it
    comes.
    """

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        breathing: ReadScheduler,
        clock: Clock,
        *,
        tap: PausableConnection,
        drained: Callable[[], bool],
        wanted: Wanted = at_once,
    ) -> None:
        self._stream = stream
        self._breathing = breathing
        self._clock = clock
        self._tap = tap
        self._wanted = wanted
        self._drained = drained
        self._begun = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            yield data
            if self._drained() and not self._begun:
                self._begun = True
                self._breathing.streams += 1
            if self._begun and len(data) < _FULL and (pause := self._breathing.pause(self._wanted())):
                ends = self._clock.monotonic() + pause
                with self._tap.closed():
                    await self._clock.sleep(pause)
                self._breathing.ended(self._clock.monotonic() - ends)

    async def aclose(self) -> None:
        """Close the other stream."""
        if self._begun:
            self._begun = False
            self._breathing.streams -= 1
        await self._stream.aclose()
