"""Time, handed in: nothing below reads the wall clock or sleeps on its own."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for measuring spans."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; cancellation passes through."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow, for measuring spans."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; cancellation passes through."""
        await asyncio.sleep(seconds)
