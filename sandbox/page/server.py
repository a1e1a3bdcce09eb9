"""The page's server: a few files and one WebSocket, on 127.0.0.1 alone."""

import asyncio
from contextlib import suppress
from typing import Self

from aiohttp import WSCloseCode, web

from bot.errors import ConfigError
from bot.limits import MIB
from sandbox.house import House
from sandbox.page.door import Door, sign
from sandbox.page.files import Files
from sandbox.page.hood import Hood
from sandbox.page.switches import Switches
from sandbox.page.uploads import Uploads
from sandbox.page.values import Values
from sandbox.page.visit import Visit

HOST = "127.0.0.1"
FRAME_BYTES = MIB
UPLOAD_BYTES = 128 * MIB


class PageServer:
    """Serves the page of a house; ``url`` opens it and holds the key."""

    def __init__(self, house: House, *, port: int = 0, key: str | None = None) -> None:
        self._house = house
        self._port = port
        self._door = Door(key)
        self._switches = Switches(house)
        self._hood = Hood(house, self._switches)
        self._uploads = Uploads()
        self._values = Values(house.discord.world, self._uploads)
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self._port}/{self._door.key}/"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._door.guard], client_max_size=UPLOAD_BYTES)
        app.add_routes([*Files(self._house.discord, self._uploads).routes(), web.get("/{key}/live", self._live)])
        app.on_response_prepare.append(sign)
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
            visit = Visit(
                socket, house=self._house, hood=self._hood, switches=self._switches, values=self._values
            )  # fmt: skip
            await visit.run(request.query.get("as", "mia"))
        finally:
            self._sockets.discard(socket)
        return socket
