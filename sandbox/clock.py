"""The stand-ins' clock: real time that can be skipped forward."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class JumpClock:
    """A ``bot.clock.Clock`` of real time plus the skipped time; a skip wakes sleepers at once."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._wakers: set[asyncio.Event] = set()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._skipped)

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    async def sleep(self, seconds: float) -> None:
        deadline = self.monotonic() + seconds
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            while (remaining := deadline - self.monotonic()) > 0:
                waker.clear()
                try:
                    async with asyncio.timeout(remaining):
                        await waker.wait()
                except TimeoutError:
                    continue
        finally:
            self._wakers.discard(waker)

    def skip(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self._skipped += seconds
        for waker in self._wakers:
            waker.set()
