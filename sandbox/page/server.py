"""The page's HTTP server, and the `sandbox` command that runs it."""

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
from sandbox.page.session import PageSession

HOST = "127.0.0.1"
FRAME_BYTES = MIB
UPLOAD_BYTES = 128 * MIB


class PageServer:
    """Serves the page of a environment; ``url`` opens it and holds the key."""

    def __init__(self, environment: Environment, *, port: int = 0, key: str | None = None) -> None:
        self._environment = environment
        self._port = port
        self._door = PageAuth(key)
        self._switches = FaultToggles(environment)
        self._hood = Inspector(environment, self._switches)
        self._uploads = UploadStore()
        self._values = ValueDecoder(environment.discord.state, self._uploads)
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self._port}/{self._door.key}/"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._door.guard], client_max_size=UPLOAD_BYTES)
        app.add_routes(
            [*PageFiles(self._environment.discord, self._uploads).routes(), web.get("/{key}/live", self._live)]
        )
        app.on_response_prepare.append(add_security_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"Port {self._port} cannot be used: {error.strerror}. Choose another --port.") from error
        self._port = self._runner.addresses[0][1]
        self._watching = asyncio.create_task(self._hood.run(), name="hood")
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"The sandbox stops.")
        await self._switches.close()
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching
        await self._runner.cleanup()

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=FRAME_BYTES, heartbeat=30)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            visit = PageSession(
                socket, environment=self._environment, hood=self._hood, switches=self._switches, values=self._values
            )  # fmt: skip
            await visit.run(request.query.get("as", "mia"))
        finally:
            self._sockets.discard(socket)
        return socket


_DONE = 0


async def run_sandbox(*, port: int = 0, browser: bool = True, data: Path | None = None) -> int:
    """Serve the page until Ctrl-C and return the exit code; ``data`` keeps the runs for the next time."""
    _print_line("Replicord between a stand-in Discord and a stand-in Replicate: no accounts, no money.")
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replicord-")))
        stopped = asyncio.Event()
        with suppress(NotImplementedError):  # Windows has no such handlers: there KeyboardInterrupt ends it
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with Environment(folder.absolute()) as environment:
            try:
                await environment.start_bot()
            except BotDidNotStartError as error:
                raise ConfigError(f"The bot did not start. It said:\n{error}") from error
            async with PageServer(environment, port=port) as page:
                _print_line(f"\n  {page.url}\n\nIt is for this machine only. Ctrl-C ends it.")
                if browser:
                    await asyncio.to_thread(_open_browser, page.url)
                await stopped.wait()
    return _DONE


def _open_browser(url: str) -> None:
    """Open the page where there is a browser with a window; where there is none, the address was printed."""
    with suppress(webbrowser.Error):
        found = webbrowser.get()
        if not isinstance(found, webbrowser.GenericBrowser) or isinstance(found, webbrowser.BackgroundBrowser):
            found.open(url)


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
