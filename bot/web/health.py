"""The endpoints for orchestrators and Prometheus."""

from collections.abc import Callable, Mapping

from aiohttp import web

from bot.observability.metrics import CONTENT_TYPE

_NO_STORE = {"Cache-Control": "no-store"}


class Health:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``.

    ``readiness`` returns for each part (discord, database, replicate) whether it works, without waiting; ``metrics``
    returns the metrics in Prometheus' text format.
    """

    def __init__(self, *, readiness: Callable[[], Mapping[str, bool]], metrics: Callable[[], bytes]) -> None:
        self._readiness = readiness
        self._metrics = metrics

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
        return web.Response(body=self._metrics(), headers={**_NO_STORE, "Content-Type": CONTENT_TYPE})
