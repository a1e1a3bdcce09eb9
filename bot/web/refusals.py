"""Requests that are refused: answered with the reason, counted one by one, logged once a minute."""

from collections import Counter

import structlog
from aiohttp import web

from bot.clock import Clock
from bot.limits import REFUSALS_LOGGED_EVERY

log = structlog.get_logger(__name__)


class Refusal(Exception):
    """A request is not accepted: its status, a word for the metrics, and a sentence for the sender and the log."""

    def __init__(self, status: int, outcome: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.outcome = outcome

    def to_response(self, *, retry_after: int) -> web.Response:
        """Return the answer; a 503 names the seconds after which to send the request again."""
        headers = {"Retry-After": f"{retry_after}"} if self.status == 503 else {}
        return web.json_response({"detail": str(self)}, status=self.status, headers=headers)


async def ask_for_body(request: web.Request) -> None:
    """Tell a client that waits with its body (``Expect: 100-continue``) to send it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


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
