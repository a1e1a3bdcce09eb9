"""Health, readiness and metrics over HTTP."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from bot.clock import Clock
from bot.observability.metrics import CONTENT_TYPE

_NO_STORE: Final = {"Cache-Control": "no-store"}
_METRICS_KEPT: Final = 1.0  # seconds; collecting them takes some milliseconds, and anybody may ask


class HealthRoutes:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``.

    ``readiness`` returns for each part (discord, database, replicate) whether it works, without waiting; ``metrics``
    returns the metrics in Prometheus' text format. They are collected at most once a second.
    """

    def __init__(
        self, *, readiness: Callable[[], Mapping[str, bool]], metrics: Callable[[], bytes], clock: Clock
    ) -> None:
        self._readiness = readiness
        self._collect_metrics = metrics
        self._clock = clock
        self._metrics = b""
        self._metrics_until = float("-inf")

    async def healthz(self, _request: web.Request) -> web.Response:
        """Respond 200: any response means that the event loop is running."""
        return web.json_response({"alive": True}, headers=_NO_STORE)

    async def readyz(self, _request: web.Request) -> web.Response:
        """Respond 200 if every part works, else 503; the body names the parts either way."""
        parts = dict(self._readiness())
        ready = all(parts.values())
        return web.json_response({"ready": ready, "parts": parts}, status=200 if ready else 503, headers=_NO_STORE)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Respond with the metrics."""
        now = self._clock.monotonic()
        if now >= self._metrics_until:
            self._metrics, self._metrics_until = self._collect_metrics(), now + _METRICS_KEPT
        return web.Response(body=self._metrics, headers={**_NO_STORE, "Content-Type": CONTENT_TYPE})
