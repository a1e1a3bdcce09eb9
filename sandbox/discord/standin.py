"""The stand-in for Discord: one server on loopback with the API, the gateway and the CDN."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.backlog import BACKLOG
from sandbox.discord.cdn import Cdn
from sandbox.discord.clock import Clock, JumpClock
from sandbox.discord.commands import Commands
from sandbox.discord.faults import Faults
from sandbox.discord.gateway.connection import Connection
from sandbox.discord.gateway.hub import Hub
from sandbox.discord.interactions import Interactions
from sandbox.discord.people.person import Person
from sandbox.discord.post import Post
from sandbox.discord.rest.buckets import Buckets
from sandbox.discord.rest.faults import Trap
from sandbox.discord.rest.server import RestServer
from sandbox.discord.rules.old_edits import OldEdits
from sandbox.discord.site import Site
from sandbox.discord.wire.snapshot import change, snapshot
from sandbox.discord.world.builder import default_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.discord.rest.calls import Call
    from sandbox.discord.world.user import User
    from sandbox.discord.world.world import World

MOST_BYTES = 600 * 1024 * 1024  # of one request: more than any tier allows, the rules say no earlier
UNAVAILABLE = "This content is no longer available."


class DiscordStandIn:
    """Speaks Discord's API v10 and gateway, for one application and the people of ``world``.

    ``calls`` is what was asked over HTTP; ``faults`` breaks things; ``buckets.enabled = False`` ends rate limits.
    The clock decides deadlines, limits and expiry; the default one is the machine's and can ``skip`` ahead. On a clock
    that stands still no bucket ever refills: switch them off there.
    """

    def __init__(self, *, clock: Clock | None = None, world: World | None = None) -> None:
        self.clock: Clock = clock or (world.clock if world else JumpClock())
        self.world = world or default_world(self.clock)
        self.cdn = Cdn(self.clock)
        post = Post(self.world, self.cdn)
        self.site = Site(
            world=self.world,
            cdn=self.cdn,
            post=post,
            commands=Commands(self.world),
            interactions=Interactions(post),
            hub=Hub(self.world, self.cdn),
            buckets=Buckets(self.clock),
            old_edits=OldEdits(self.clock),
        )
        self.site.interactions.dispatch = self.site.hub.dispatch_interaction
        trap = Trap()
        self._rest = RestServer(self.site, trap)
        self.faults = Faults(self.site, trap)
        self.world.people |= {
            user.username: Person(user, self.site) for user in self.world.users.values() if not user.bot
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
        return self.world.application.token

    @property
    def application_id(self) -> int:
        """The application's id, which is also its bot's."""
        return self.world.application.id

    @property
    def calls(self) -> list[Call]:
        """Every request to the API, oldest first."""
        return self._rest.calls

    @property
    def commands(self) -> Commands:
        """The commands that the application registered."""
        return self.site.commands

    @property
    def buckets(self) -> Buckets:
        """The rate limits."""
        return self.site.buckets

    @property
    def hub(self) -> Hub:
        """The gateway's sessions."""
        return self.site.hub

    def person(self, name: str) -> Person:
        """Return the person called ``name``."""
        return self.world.people[name]

    def skip(self, seconds: float) -> None:
        """Let time pass at once; the clock must be a ``JumpClock``, as the default one is."""
        if not isinstance(self.clock, JumpClock):
            raise TypeError("The clock that was handed in does not skip; let time pass on it yourself.")
        self.clock.skip(seconds)

    def snapshot(self, viewer: User) -> dict[str, Any]:
        """Return all that ``viewer`` sees now, in Discord's JSON."""
        return snapshot(self.world, self.commands, self.cdn, viewer)

    async def stream(self, viewer: User) -> AsyncIterator[dict[str, Any]]:
        """Yield what ``viewer`` sees happen from now on, in Discord's JSON: ``t`` is its kind, ``d`` its data."""
        async for happened in self.world.changes():
            if (told := change(happened, self.cdn, viewer)) is not None:
                yield told

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/api/{tail:.*}", self._rest.serve)
        app.router.add_get("/gateway", self._gateway)
        app.router.add_get("/gateway/", self._gateway)
        app.router.add_get("/avatars/{user}/{file}", self._avatar)
        for folder in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{folder}/{{owner}}/{{id}}/{{name}}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, backlog=BACKLOG)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.cdn.origin = f"http://127.0.0.1:{self.port}"
        self.site.hub.url = self.gateway_url
        self._open.enter_context(self.site.hub.listening())

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self.faults.clear()
        for connection in tuple(self.site.hub.connections):
            connection.close(1001, "The stand-in stops.")
        self._open.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        await Connection(self.site.hub, request, socket).run()
        return socket

    async def _file(self, request: web.Request) -> web.Response:
        found = self.cdn.open(request.rel_url.path, request.query)
        if found is None:
            return web.Response(status=404, text=UNAVAILABLE)
        content_type = found.content_type or "application/octet-stream"
        return web.Response(body=found.data, headers={"Content-Type": content_type})

    async def _avatar(self, request: web.Request) -> web.Response:
        user_id = request.match_info["user"]
        user = self.world.users.get(int(user_id)) if user_id.isdigit() else None
        if user is None or not user.avatar:
            return web.Response(status=404)
        return web.Response(body=user.avatar, content_type="image/png")
