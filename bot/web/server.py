"""Server: where the bot listens, when it is told to."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.errors import ConfigError
from bot.web.health import Health
from bot.web.webhooks import MAX_BODY_BYTES, WebhookReceiver

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Listens on one address from ``start`` to ``stop``.

    Without ``deliveries`` there is no webhook route. ``port`` 0 takes any free one; ``port`` then tells which.
    """

    def __init__(self, *, host: str, port: int, health: Health, deliveries: WebhookReceiver | None = None) -> None:
        self._host = host
        self._port = port
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_contained])
        app.router.add_get("/healthz", health.alive)
        app.router.add_get("/readyz", health.ready)
        app.router.add_get("/metrics", health.metrics)
        if deliveries is not None:
            app.router.add_post("/webhooks/replicate/{run_id:[A-Za-z0-9_-]{1,64}}", deliveries.take)
        app.on_response_prepare.append(_unsigned)
        # The program's own signals end the bot; a request that is answered within seconds needs no long farewell.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    async def start(self) -> None:
        """Listen; ConfigError when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"Nothing can listen on {self._host}:{self._port} ({error}). Choose another HTTP_PORT or HTTP_HOST, "
                "or stop what is using it."
            ) from error
        self._port = self._runner.addresses[0][1]
        log.info("Listening.", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Take no more requests, finish those at hand, and let go of the port. Twice is fine."""
        await self._runner.cleanup()


@web.middleware
async def _contained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what nobody expected into a plain 500 without details; the log has them."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("A request could not be answered.", path=request.path)
        return web.json_response({"detail": "Something went wrong here; the log says what."}, status=500)


async def _unsigned(_request: web.Request, response: web.StreamResponse) -> None:
    """Do not tell strangers which versions run here."""
    response.headers["Server"] = "replicord"
