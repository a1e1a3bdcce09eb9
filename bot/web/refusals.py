"""Requests that are refused: counted one by one, logged once a minute."""

from collections import Counter

import structlog

from bot.clock import Clock
from bot.limits import REFUSALS_LOGGED_EVERY

log = structlog.get_logger(__name__)


class RefusalLog:
    """Log refused requests, at most once a minute for each reason: anybody can cause them, and a log fills a disk.

    Reasons are sentences of the program's own; nothing that a client sent is logged.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._next: dict[str, float] = {}

    def add(self, reason: str) -> None:
        """Count a refused request, and log it unless one of the same reason was logged within a minute."""
        self._counts[reason] += 1
        now = self._clock.monotonic()
        if now < self._next.get(reason, now):
            return
        log.warning("http_requests_refused", reason=reason, count=self._counts.pop(reason))
        self._next[reason] = now + REFUSALS_LOGGED_EVERY.total_seconds()
