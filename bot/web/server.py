"""The HTTP server, if it is enabled: health, readiness, metrics and webhooks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from bot.backends.cog.addresses import UPLOAD_PATH, WEBHOOK_PATH
from bot.errors import ConfigError
from bot.limits import COG_BODY_WAIT, RUN_ID_PATTERN
from bot.web.cog_webhooks import CogReceiver
from bot.web.connections import DEFAULT_LIMITS, ConnectionLimits, Connections
from bot.web.health import HealthRoutes
from bot.web.refusals import RefusalLog
from bot.web.webhooks import WebhookReceiver

log = structlog.get_logger(__name__)
_protocol_log: Final = logging.getLogger("aiohttp.server")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHUTDOWN_TIMEOUT: Final = 2.0  # seconds; every request is answered within seconds
_BACKLOG: Final = 128

_RUN_ID: Final = f"{{run_id:{RUN_ID_PATTERN}}}"
_CODE: Final = "{code:[0-9a-f]{1,64}}"
_NAME: Final = "{name:[^/]{1,255}}"


class WebServer:
    """Listen on one address from ``start`` to ``stop``.

    There is no webhook route without ``webhooks``, and none for Cog's servers without ``cog``. With port 0 the system
    chooses one; ``port`` is then the actual one.

    No body is unpacked, and the rest of a body that nobody wants is not read: the connection is closed instead.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        health: HealthRoutes,
        refusals: RefusalLog,
        webhooks: WebhookReceiver | None = None,
        cog: CogReceiver | None = None,
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits
        self._refusals = refusals
        app = web.Application(middlewares=[self._count_connection, self._respond_to_errors, self._refuse_encoded])
        app.router.add_get("/healthz", health.healthz)
        app.router.add_get("/readyz", health.readyz)
        app.router.add_get("/metrics", health.metrics)
        if webhooks is not None:
            path = f"/webhooks/replicate/{_RUN_ID}"
            app.router.add_post(path, webhooks.handle, expect_handler=webhooks.expect)
        if cog is not None:
            handle_webhook, handle_upload = self._with_time(cog.handle_webhook), self._with_time(cog.handle_upload)
            app.router.add_post(f"{WEBHOOK_PATH}/{_RUN_ID}/{_CODE}", handle_webhook, expect_handler=cog.expect)
            app.router.add_put(f"{UPLOAD_PATH}/{_CODE}/{_NAME}", handle_upload, expect_handler=cog.expect)
        app.on_response_prepare.append(_hide_versions)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
            auto_decompress=False,
            lingering_time=0,
            logger=_protocol_log,
        )
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        """Listen; raise ConfigError if the address is not available."""
        await self._runner.setup()
        _protocol_log.addFilter(self._is_fault)
        assert self._runner.server is not None  # noqa: S101  # it was set up
        self._connections = Connections(self._runner.server, self._limits)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connections, self._host, self._port, backlog=_BACKLOG
            )
        except (OSError, OverflowError, UnicodeError) as error:
            await self.stop()
            raise ConfigError(
                f"Cannot listen on {self._host}:{self._port} ({error}). Choose another HTTP_PORT or HTTP_HOST, "
                "or stop the program that is using it."
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]
        log.info("http_server_started", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Finish open requests and release the port. Calling it twice is harmless."""
        _protocol_log.removeFilter(self._is_fault)
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _with_time(self, handler: Handler) -> Handler:
        """Return the handler with time for bodies of many megabytes; it refuses at once what it does not expect."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._connections is not None:
                self._connections.extend(request.transport, COG_BODY_WAIT.total_seconds())
            return await handler(request)

        return handle

    @web.middleware
    async def _count_connection(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert self._connections is not None  # noqa: S101  # the request came over one
        with self._connections.serve(request.transport):
            return await handler(request)

    @web.middleware
    async def _respond_to_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log an unexpected error and respond 500 without its details."""
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except ConnectionError:  # the client went away, and nobody reads this
            return web.Response(status=400)
        except Exception:
            log.exception("http_request_failed", path=request.path)
            return web.json_response({"detail": "Something went wrong. The bot's log has the details."}, status=500)

    @web.middleware
    async def _refuse_encoded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse every body that would have to be unpacked: a few kilobytes become gigabytes."""
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() == "identity":
            return await handler(request)
        self._refusals.add("The body is compressed.")
        return web.json_response({"detail": "Compressed bodies are not accepted."}, status=415)

    def _is_fault(self, record: logging.LogRecord) -> bool:
        """Count a request that is no HTTP instead of logging it with a traceback (a filter for aiohttp's log)."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._refusals.add("The request is not valid HTTP.")
        return False


async def _hide_versions(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "replicord"
