"""The stand-in for Discord: one server on loopback with the API, the gateway and the CDN."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.clock import JumpClock
from sandbox.discord.cdn import Cdn
from sandbox.discord.faults import FaultList, Faults
from sandbox.discord.gateway import Gateway, GatewayConnection
from sandbox.discord.people.person import Person
from sandbox.discord.rest.server import RestServer
from sandbox.discord.services import Services
from sandbox.discord.services.commands import CommandRegistry
from sandbox.discord.services.interactions import InteractionService
from sandbox.discord.services.messages import MessageService
from sandbox.discord.services.rate_limits import OldEditLimit, RateLimits
from sandbox.discord.snapshot import serialize_event, serialize_snapshot
from sandbox.discord.state.fixtures import default_state
from sandbox.loopback import LISTEN_BACKLOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.clock import Clock
    from sandbox.discord.state.models import User
    from sandbox.discord.state.state import DiscordState
    from sandbox.request_log import Call

MOST_BYTES = 600 * 1024 * 1024  # of one request: more than any tier allows, the rules say no earlier
UNAVAILABLE = "This content is no longer available."


class DiscordStandIn:
    """Speaks Discord's API v10 and gateway, for one application and the people of ``state``.

    ``calls`` is what was asked over HTTP; ``faults`` breaks things; ``buckets.enabled = False`` ends rate limits.
    The clock decides deadlines, limits and expiry; the default one is the machine's and can ``skip`` ahead. On a clock
    that stands still no bucket ever refills: switch them off there.
    """

    def __init__(self, *, clock: Clock | None = None, state: DiscordState | None = None) -> None:
        self.clock: Clock = clock or (state.clock if state else JumpClock())
        self.state = state or default_state(self.clock)
        self.cdn = Cdn(self.clock)
        messages = MessageService(self.state, self.cdn)
        self.services = Services(
            state=self.state,
            cdn=self.cdn,
            messages=messages,
            commands=CommandRegistry(self.state),
            interactions=InteractionService(messages),
            gateway=Gateway(self.state, self.cdn),
            rate_limits=RateLimits(self.clock),
            old_edits=OldEditLimit(self.clock),
        )
        self.services.interactions.dispatch = self.services.gateway.dispatch_interaction
        fault_list = FaultList()
        self._rest = RestServer(self.services, fault_list)
        self.faults = Faults(self.services, fault_list)
        self.people: dict[str, Person] = {
            user.username: Person(user, self.services) for user in self.state.users.values() if not user.bot
        }
        self._runner: web.AppRunner | None = None
        self._open = ExitStack()
        self.port = 0

    @property
    def api_url(self) -> str:
        """Where the API is, version and all."""
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    @property
    def bot_token(self) -> str:
        """The token that the bot logs in with."""
        return self.state.application.token

    @property
    def application_id(self) -> int:
        """The application's id, which is also its bot's."""
        return self.state.application.id

    @property
    def calls(self) -> list[Call]:
        """Every request to the API, oldest first."""
        return self._rest.calls

    @property
    def commands(self) -> CommandRegistry:
        """The commands that the application registered."""
        return self.services.commands

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits."""
        return self.services.rate_limits

    @property
    def gateway(self) -> Gateway:
        """The gateway's sessions."""
        return self.services.gateway

    def person(self, name: str) -> Person:
        """Return the person called ``name``."""
        return self.people[name]

    def skip(self, seconds: float) -> None:
        """Let time pass at once; the clock must be a ``JumpClock``, as the default one is."""
        if not isinstance(self.clock, JumpClock):
            raise TypeError("The clock that was handed in does not skip; let time pass on it yourself.")
        self.clock.skip(seconds)

    def snapshot(self, viewer: User) -> dict[str, Any]:
        """Return all that ``viewer`` sees now, in Discord's JSON."""
        return serialize_snapshot(self.state, self.commands, self.cdn, viewer)

    async def stream(self, viewer: User) -> AsyncIterator[dict[str, Any]]:
        """Yield what ``viewer`` sees happen from now on, in Discord's JSON: ``t`` is its kind, ``d`` its data."""
        async for happened in self.state.subscribe():
            if (told := serialize_event(happened, self.cdn, viewer)) is not None:
                yield told

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/api/{tail:.*}", self._rest.serve)
        app.router.add_get("/gateway", self._serve_gateway)
        app.router.add_get("/gateway/", self._serve_gateway)
        app.router.add_get("/avatars/{user}/{file}", self._serve_avatar)
        for folder in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{folder}/{{owner}}/{{id}}/{{name}}", self._serve_file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        services = web.TCPSite(self._runner, "127.0.0.1", port, backlog=LISTEN_BACKLOG)
        await services.start()
        self.port = self._runner.addresses[0][1]
        self.cdn.origin = f"http://127.0.0.1:{self.port}"
        self.services.gateway.url = self.gateway_url
        self._open.enter_context(self.services.gateway.listening())

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self.faults.clear()
        for connection in tuple(self.services.gateway.connections):
            connection.close(1001, "The stand-in stops.")
        self._open.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve_gateway(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        await GatewayConnection(self.services.gateway, request, socket).run()
        return socket

    async def _serve_file(self, request: web.Request) -> web.Response:
        found = self.cdn.open(request.rel_url.path, request.query)
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
