"""The stand-in for Discord: one server on loopback with the API, the gateway and the CDN."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

from aiohttp import web

from bot.clock import Clock
from sandbox.clock import JumpClock
from sandbox.discord.cdn import Cdn
from sandbox.discord.faults import Faults
from sandbox.discord.gateway import Gateway, GatewayConnection
from sandbox.discord.person import Person
from sandbox.discord.rest.server import RestServer
from sandbox.discord.services import Services
from sandbox.discord.services.commands import CommandRegistry
from sandbox.discord.services.interactions import InteractionService
from sandbox.discord.services.messages import MessageService
from sandbox.discord.services.rate_limits import OldEditLimit, RateLimits
from sandbox.discord.snapshot import serialize_event, serialize_snapshot
from sandbox.discord.state.fixtures import default_state
from sandbox.discord.state.models import User
from sandbox.discord.state.state import DiscordState
from sandbox.loopback import HOST, LISTEN_BACKLOG
from sandbox.request_log import RequestLog

MAX_REQUEST_BYTES = 600 * 1024 * 1024  # more than any tier allows; smaller limits are checked by the validation
UNAVAILABLE = "This content is no longer available."


class DiscordStandIn:
    """Serves Discord's API v10 and gateway for one application, and the people in ``state``.

    ``calls`` are the API requests; ``faults`` arms faults; ``rate_limits.enabled = False`` turns rate limits off. The
    clock decides deadlines, limits and expiry; the default one can ``skip`` ahead. With a clock that stands still no
    bucket refills: turn rate limits off there.
    """

    def __init__(self, *, clock: Clock | None = None, state: DiscordState | None = None) -> None:
        self.clock: Clock = clock or (state.clock if state else JumpClock())
        self.state = state or default_state(self.clock)
        self.cdn = Cdn(self.clock)
        self.gateway = Gateway(self.state, self.cdn)
        self.commands = CommandRegistry(self.state)
        self.rate_limits = RateLimits(self.clock)
        messages = MessageService(self.state, self.cdn)
        self.services = Services(
            state=self.state,
            cdn=self.cdn,
            messages=messages,
            commands=self.commands,
            interactions=InteractionService(messages, self.gateway.dispatch_interaction),
            rate_limits=self.rate_limits,
            old_edits=OldEditLimit(self.clock),
        )
        self.faults = Faults(self.services, self.gateway)
        self.people = {user.username: Person(user, self.services) for user in self.state.users.values() if not user.bot}
        self._rest = RestServer(self.services, self.faults)
        self._runner: web.AppRunner | None = None
        self._exit = ExitStack()
        self.port = 0

    @property
    def api_url(self) -> str:
        """The URL of the API, including the version."""
        return f"http://{HOST}:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self.port}/gateway"

    @property
    def bot_token(self) -> str:
        return self.state.application.token

    @property
    def application_id(self) -> int:
        """The application's id, which is also its bot's."""
        return self.state.application.id

    @property
    def calls(self) -> RequestLog:
        """Every API request, oldest first."""
        return self._rest.calls

    def person(self, name: str) -> Person:
        """Return the person called ``name``."""
        return self.people[name]

    def skip(self, seconds: float) -> None:
        """Skip time; the clock must be a ``JumpClock``, as the default one is."""
        if not isinstance(self.clock, JumpClock):
            raise TypeError("This clock cannot skip; advance it directly.")
        self.clock.skip(seconds)

    def snapshot(self, viewer: User) -> dict[str, Any]:
        """Return everything that ``viewer`` sees, in Discord's JSON."""
        commands = [command.data for command in self.commands.all()]
        return serialize_snapshot(self.state, commands, self.cdn, viewer)

    async def stream(self, viewer: User) -> AsyncIterator[dict[str, Any]]:
        """Yield the events that ``viewer`` sees from now on, in Discord's JSON: ``t`` is the kind, ``d`` the data."""
        async for event in self.state.subscribe():
            if (data := serialize_event(event, self.cdn, viewer)) is not None:
                yield data

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 picks a free one."""
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.router.add_route("*", "/api/{tail:.*}", self._rest.serve)
        app.router.add_get("/gateway", self._serve_gateway)
        app.router.add_get("/gateway/", self._serve_gateway)
        app.router.add_get("/avatars/{user}/{file}", self._serve_avatar)
        for folder in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{folder}/{{owner}}/{{id}}/{{name}}", self._serve_file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port, backlog=LISTEN_BACKLOG).start()
        self.port = self._runner.addresses[0][1]
        self.cdn.origin = f"http://{HOST}:{self.port}"
        self.state.gateway_url = self.gateway_url
        self._exit.enter_context(self.gateway.listening())

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self.faults.clear()
        self.cdn.answers.set()
        for connection in tuple(self.gateway.connections):
            connection.close(1001, "The stand-in is stopping.")
        self._exit.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve_gateway(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        await GatewayConnection(self.gateway, request, socket).run()
        return socket

    async def _serve_file(self, request: web.Request) -> web.Response:
        await self.cdn.answers.wait()
        found = self.cdn.find_file(request.rel_url.path, request.query)
        if found is None:
            return web.Response(status=404, text=UNAVAILABLE)
        content_type = found.content_type or "application/octet-stream"
        return web.Response(body=found.data, headers={"Content-Type": content_type})

    async def _serve_avatar(self, request: web.Request) -> web.Response:
        user_id = request.match_info["user"]
        user = self.state.users.get(int(user_id)) if user_id.isdigit() else None
        if user is None or not user.avatar:
            return web.Response(status=404)
        return web.Response(body=user.avatar, content_type="image/png")
