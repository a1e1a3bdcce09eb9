"""Breath: streams read in gulps.

A token costs ten times what its bytes do when each is read by itself: a wake-up, a system call, a walk through every
layer of the client. Nobody sees a text change more than once a second, so what comes meanwhile is left in the
connection for a moment and read together.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from bot.clock import Clock


@dataclass(slots=True, kw_only=True)
class Breathing:
    """How long all streams together pause between two reads.

    ``shortest`` seconds as long as there are few; from then on as long as it takes that no more than ``a_second``
    reads are made a second, so that a thousand streams leave the loop time to answer people. 0 for no pause at all.
    """

    shortest: float = 0.0
    a_second: int = 1000
    streams: int = 0

    @property
    def pause(self) -> float:
        """Return the seconds between two reads of one stream."""
        return max(self.shortest, self.streams / self.a_second) if self.shortest else 0.0


class Breath(httpx.AsyncByteStream):
    """Another stream's bytes, with a pause between two reads once ``begin`` was called."""

    def __init__(self, stream: httpx.AsyncByteStream, breathing: Breathing, clock: Clock) -> None:
        self._stream = stream
        self._breathing = breathing
        self._clock = clock
        self._begun = False

    def begin(self) -> None:
        """Read in gulps from now on; until then every byte is handed on as it comes."""
        if not self._begun:
            self._begun = True
            self._breathing.streams += 1

    async def __aiter__(self) -> AsyncIterator[bytes]:
        ahead = True
        async for data in self._stream:
            yield data
            # The first read after a pause brings what was read ahead, the second what waited behind that.
            ahead = not ahead
            if ahead and self._begun and (pause := self._breathing.pause):
                await self._clock.sleep(pause)

    async def aclose(self) -> None:
        """Close the other stream."""
        if self._begun:
            self._begun = False
            self._breathing.streams -= 1
        await self._stream.aclose()
