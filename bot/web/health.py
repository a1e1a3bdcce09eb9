"""Health: what an orchestrator, a person with curl and Prometheus ask."""

from collections.abc import Callable, Mapping

from aiohttp import web

Ready = Callable[[], Mapping[str, bool]]
"""Says of each part (gateway, database, replicate) whether it works; answers at once."""

# No caller may cache what is true only now.
_NOW = {"Cache-Control": "no-store"}


class Health:
    """Answers ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, *, ready: Ready, metrics: Callable[[], bytes], metrics_type: str) -> None:
        self._ready = ready
        self._metrics = metrics
        self._metrics_type = metrics_type

    async def alive(self, _request: web.Request) -> web.Response:
        """Answer 200: that it is answered at all means that the loop turns."""
        return web.json_response({"alive": True}, headers=_NOW)

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200 when every part works, else 503; the parts are named either way."""
        parts = dict(self._ready())
        ready = all(parts.values())
        return web.json_response({"ready": ready, "parts": parts}, status=200 if ready else 503, headers=_NOW)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer the metrics in Prometheus' text format."""
        return web.Response(body=self._metrics(), headers={**_NOW, "Content-Type": self._metrics_type})
