"""The page's HTTP server, and the ``sandbox`` command that runs it."""

import asyncio
import signal
import sys
import tempfile
import webbrowser
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from aiohttp import WSCloseCode, web

from bot.errors import ConfigError
from bot.limits import MIB
from sandbox.environment import BotDidNotStartError, Environment
from sandbox.page.actions import ValueDecoder
from sandbox.page.auth import PageAuth, add_security_headers
from sandbox.page.fault_toggles import FaultToggles
from sandbox.page.files import PageFiles, UploadStore
from sandbox.page.inspector import Inspector
from sandbox.page.session import DEFAULT_PERSON, PageSession

HOST = "127.0.0.1"
MAX_FRAME_BYTES = MIB
MAX_UPLOAD_BYTES = 128 * MIB
_EXIT_CODE = 0


class PageServer:
    """Serves the page of an environment on 127.0.0.1: static files and one WebSocket. ``url`` contains the key."""

    def __init__(self, environment: Environment, *, port: int = 0, key: str | None = None) -> None:
        self._environment = environment
        self._port = port
        self._auth = PageAuth(key)
        self._toggles = FaultToggles(environment)
        self._inspector = Inspector(environment, self._toggles)
        self._uploads = UploadStore()
        self._decoder = ValueDecoder(environment.discord.state, self._uploads)
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}/{self._auth.key}/"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._auth.middleware], client_max_size=MAX_UPLOAD_BYTES)
        app.add_routes(PageFiles(self._environment.discord, self._uploads).routes())
        app.add_routes([web.get("/{key}/live", self._serve_socket)])
        app.on_response_prepare.append(add_security_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"Port {self._port} cannot be used: {error.strerror}. Choose another --port.") from error
        self._port = self._runner.addresses[0][1]
        self._inspector_task = asyncio.create_task(self._inspector.run(), name="inspector")
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"The sandbox is shutting down.")
        await self._toggles.close()
        self._inspector_task.cancel()
        with suppress(asyncio.CancelledError):
            await self._inspector_task
        await self._runner.cleanup()

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES, heartbeat=30)
        await socket.prepare(request)
        self._sockets.add(socket)
        session = PageSession(
            socket,
            environment=self._environment,
            inspector=self._inspector,
            toggles=self._toggles,
            decoder=self._decoder,
        )
        try:
            await session.run(request.query.get("as", DEFAULT_PERSON))
        finally:
            self._sockets.discard(socket)
        return socket


async def run_sandbox(*, port: int = 0, browser: bool = True, data: Path | None = None, cog: bool = False) -> int:
    """Serve the page until Ctrl-C and return the exit code.

    ``data`` is a folder that keeps the runs. ``cog``: with the tiny models on real Cog servers.
    """
    _print_line("Replicord with a stand-in Discord and a stand-in Replicate: no accounts, no costs.")
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replicord-")))
        stopped = asyncio.Event()
        with suppress(NotImplementedError):  # Windows has no signal handlers: KeyboardInterrupt ends it there
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with Environment(folder.absolute(), cog=cog, roles=True) as environment:
            try:
                await environment.start_bot()
            except BotDidNotStartError as error:
                raise ConfigError(f"The bot did not start. Its output:\n{error}") from error
            async with PageServer(environment, port=port) as page:
                for name, server in environment.cog.items():
                    _print_line(f"/{name} runs on a real Cog server at {server.url}.")
                _print_line(f"\n  {page.url}\n\nThis URL works on this machine only. Press Ctrl-C to stop.")
                if browser:
                    await asyncio.to_thread(_open_browser, page.url)
                await stopped.wait()
    return _EXIT_CODE


def _open_browser(url: str) -> None:
    """Open the page if there is a graphical browser; otherwise the printed URL is enough."""
    with suppress(webbrowser.Error):
        browser = webbrowser.get()
        if not isinstance(browser, webbrowser.GenericBrowser) or isinstance(browser, webbrowser.BackgroundBrowser):
            browser.open(url)


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
