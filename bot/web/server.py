"""The HTTP server, which runs if HTTP_PORT is set."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from bot.errors import ConfigError
from bot.web.health import Health
from bot.web.webhooks import MAX_BODY_BYTES, WebhookReceiver

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
