"""Breath: a stream read in gulps.

A token costs ten times what its bytes do when each is read by itself: a wake-up, a system call, a walk through every
layer of the client. Nobody sees a text change more than once a second, so what comes meanwhile is left in the
connection for a moment and read together.
"""

from collections.abc import AsyncIterator

import httpx

from bot.clock import Clock


class Breath(httpx.AsyncByteStream):
    """Another stream's bytes, with ``pause`` seconds between two reads once ``begin`` was called."""

    def __init__(self, stream: httpx.AsyncByteStream, *, pause: float, clock: Clock) -> None:
        self._stream = stream
        self._pause = pause
        self._clock = clock
        self._begun = False

    def begin(self) -> None:
        """Read in gulps from now on; until then every byte is handed on as it comes."""
        self._begun = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        ahead = True
        async for data in self._stream:
            yield data
            # The first read after a pause brings what was read ahead, the second what waited behind that.
            ahead = not ahead
            if ahead and self._begun and self._pause:
                await self._clock.sleep(self._pause)

    async def aclose(self) -> None:
        """Close the other stream."""
        await self._stream.aclose()
