"""The HTTP server, if it is enabled: health, readiness, metrics and webhooks."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import web

from bot.errors import ConfigError
from bot.observability.metrics import CONTENT_TYPE
from bot.web.webhooks import MAX_BODY_BYTES, WebhookReceiver

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


log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHUTDOWN_TIMEOUT: Final = 2.0  # seconds; every request is answered within seconds


class WebServer:
    """Listen on one address from ``start`` to ``stop``.

    There is no webhook route without ``webhooks``. With port 0 the system chooses one; ``port`` is then the actual one.
    """

    def __init__(self, *, host: str, port: int, health: Health, webhooks: WebhookReceiver | None = None) -> None:
        self._host = host
        self._port = port
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_respond_to_errors])
        app.router.add_get("/healthz", health.healthz)
        app.router.add_get("/readyz", health.readyz)
        app.router.add_get("/metrics", health.metrics)
        if webhooks is not None:
            app.router.add_post("/webhooks/replicate/{run_id:[A-Za-z0-9_-]{1,64}}", webhooks.handle)
        app.on_response_prepare.append(_hide_versions)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_TIMEOUT)

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        """Listen; raise ConfigError if the address is not available."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"Cannot listen on {self._host}:{self._port} ({error}). Choose another HTTP_PORT or HTTP_HOST, "
                "or stop the program that is using it."
            ) from error
        self._port = self._runner.addresses[0][1]
        log.info("http_server_started", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Finish open requests and release the port. Calling it twice is harmless."""
        await self._runner.cleanup()


@web.middleware
async def _respond_to_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log an unexpected error and respond 500 without its details."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("http_request_failed", path=request.path)
        return web.json_response({"detail": "Something went wrong. The bot's log has the details."}, status=500)


async def _hide_versions(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "replicord"
