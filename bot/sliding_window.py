"""A sliding window: at most so many events in any span of time. Pure; the time is passed in."""

from collections import deque


class SlidingWindow:
    """Allows at most ``limit`` events in any span of ``seconds``."""

    __slots__ = ("_limit", "_seconds", "_times")

    def __init__(self, limit: int, seconds: float) -> None:
        if limit < 1:
            raise ValueError("The limit of a sliding window is at least 1.")
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def free_at(self, now: float, *, limit: int | None = None) -> float:
        """Return when one more event is allowed, ``now`` if at once; a smaller ``limit`` leaves room for others."""
        while self._times and self._times[0] + self._seconds <= now:
            self._times.popleft()
        limit = self._limit if limit is None else min(limit, self._limit)
        if len(self._times) < limit:
            return now
        return self._times[len(self._times) - limit] + self._seconds

    def record(self, now: float) -> None:
        """Record an event."""
        self._times.append(now)

    def is_empty(self, now: float) -> bool:
        """Whether no event counts any more."""
        return self.free_at(now, limit=1) <= now
