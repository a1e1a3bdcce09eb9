"""A sliding-window counter: at most so many events in any span of time. Pure; the time is passed in."""

from collections import deque


class SlidingWindow:
    """Remembers when things happened; in no span of ``seconds`` are there more than ``limit`` of them."""

    def __init__(self, limit: int, seconds: float) -> None:
        if limit < 1:
            raise ValueError("A window that lets nothing through is a wall.")
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def delay(self, now: float, *, limit: int | None = None) -> float:
        """Return the seconds until one more may happen; a smaller ``limit`` leaves room for others."""
        while self._times and self._times[0] + self._seconds <= now:
            self._times.popleft()
        limit = min(limit or self._limit, self._limit)
        if len(self._times) < limit:
            return 0.0
        return self._times[len(self._times) - limit] + self._seconds - now

    def note(self, now: float) -> None:
        """Remember that one happened."""
        self._times.append(now)
