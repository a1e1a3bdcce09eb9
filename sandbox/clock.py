"""The stand-ins' clock: real time that can be skipped forward."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...


class JumpClock:
    """The machine's time plus whatever was skipped; sleepers notice a skip at once."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._jumped: set[asyncio.Event] = set()

    def now(self) -> datetime:
        """Return the wall clock's time and the skipped time on top."""
        return datetime.now(UTC) + timedelta(seconds=self._skipped)

    def monotonic(self) -> float:
        """Return seconds that only grow, the skipped ones included."""
        return time.monotonic() + self._skipped

    async def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have passed, by waiting or by skipping."""
        deadline = self.monotonic() + seconds
        jumped = asyncio.Event()
        self._jumped.add(jumped)
        try:
            while (remaining := deadline - self.monotonic()) > 0:
                jumped.clear()
                try:
                    async with asyncio.timeout(remaining):
                        await jumped.wait()
                except TimeoutError:
                    continue
        finally:
            self._jumped.discard(jumped)

    def skip(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self._skipped += seconds
        for jumped in self._jumped:
            jumped.set()
