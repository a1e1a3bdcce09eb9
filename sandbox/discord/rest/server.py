"""The HTTP server: finds the route, counts, strikes with faults, answers, writes down what was asked."""

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.discord.errors import METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED, ApiError
from sandbox.discord.rest import commands, messages, myself, places, reactions, webhooks
from sandbox.discord.rest.ask import Answer, Ask, Route, read_body
from sandbox.discord.rest.buckets import Throttled
from sandbox.discord.rest.calls import HIDDEN, Call, hide_token
from sandbox.discord.rest.faults import Fault, FaultKind, Trap
from sandbox.discord.site import Site

ROUTES = (
    *myself.ROUTES,
    *commands.ROUTES,
    *webhooks.ROUTES,
    *messages.ROUTES,
    *reactions.ROUTES,
    *places.ROUTES,
)
TOKENS = ("webhook_token", "interaction_token")
K = FaultKind


class Cut(Exception):
    """The connection breaks with no answer."""


class RestServer:
    """Answers everything below ``/api``; ``calls`` is what was asked, oldest first."""

    def __init__(self, site: Site, trap: Trap) -> None:
        self._site = site
        self._trap = trap
        self._routes = [(route, route.pattern) for route in ROUTES]
        self.calls: list[Call] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as Discord does."""
        path = request.rel_url.raw_path.removeprefix("/api").removeprefix("/v10").replace("%40", "@")
        route, params = self._find(request.method, path)
        clock = self._site.world.clock
        call = self._note(request, route, params, path)
        started = clock.monotonic()
        headers: dict[str, str] = {}
        try:
            answer = await self._handle(request, route, params, call, headers)
        except ApiError as error:
            answer = Answer(error.body, error.status)
            headers |= error.headers
            call.code = error.code
        except Cut:
            call.status, call.seconds = 0, clock.monotonic() - started
            if request.transport is not None:
                request.transport.abort()
            self._tell(call)
            return web.Response(status=500)
        call.status, call.answer, call.seconds = answer.status, answer.body, clock.monotonic() - started
        self._tell(call)
        return _respond(answer, headers)

    async def _handle(
        self, request: web.Request, found: Route | None, params: dict[str, str], call: Call, headers: dict[str, str]
    ) -> Answer:
        faults = self._trap.struck(call.method, call.path)
        route = self._allowed(request, found, call)
        self._throttle(faults, route, params)
        if route.bot:
            self._site.buckets.take_global()
        if route.rule is not None:
            headers |= self._site.buckets.take(route.rule, params)
        call.payload, files = await read_body(request)
        call.files = {number: (upload.name, len(upload.data)) for number, upload in files.items()}
        await self._strike_before(faults)
        await self._hang(K.HANG_BEFORE, call)
        answer = await route.handler(self._site, Ask(params, dict(request.query), call.payload, files))
        await self._hang(K.HANG_AFTER, call)
        if K.CUT_AFTER in faults:
            raise Cut
        return answer

    def _throttle(self, faults: dict[FaultKind, Fault], route: Route, params: dict[str, str]) -> None:
        if K.THROTTLE in faults:
            headers = self._site.buckets.look(route.rule, params) if route.rule else {}
            raise Throttled(faults[K.THROTTLE].seconds, "user", headers)
        if K.THROTTLE_ALL in faults:
            raise Throttled(faults[K.THROTTLE_ALL].seconds, "global", {})

    async def _strike_before(self, faults: dict[FaultKind, Fault]) -> None:
        if K.DELAY in faults:
            await self._site.world.clock.sleep(faults[K.DELAY].seconds)
        if K.CUT_BEFORE in faults:
            raise Cut
        if K.FAIL in faults:
            raise web_failure(faults[K.FAIL].status)

    async def _hang(self, kind: FaultKind, call: Call) -> None:
        if (fault := self._trap.hangs(kind, call)) is not None:
            await fault.lifted.wait()
            raise Cut

    def _allowed(self, request: web.Request, found: Route | None, call: Call) -> Route:
        if found is None:
            known = any(pattern.match(call.path) for _, pattern in self._routes)
            raise ApiError(METHOD_NOT_ALLOWED if known else NOT_FOUND)
        expected = f"Bot {self._site.world.application.token}"
        if found.bot and request.headers.get("Authorization") != expected:
            raise ApiError(UNAUTHORIZED)
        return found

    def _tell(self, call: Call) -> None:
        seconds = round(call.seconds, 4)
        about = {"method": call.method, "path": call.path, "status": call.status, "code": call.code, "seconds": seconds}
        self._site.world.tell("API_CALL", about)

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route, pattern in self._routes:
            if route.method == method and (found := pattern.match(path)):
                return route, {key: unquote(value) for key, value in found.groupdict().items()}
        return None, {}

    def _note(self, request: web.Request, route: Route | None, params: dict[str, str], path: str) -> Call:
        for key in TOKENS:
            if key in params:
                path = path.replace(params[key], HIDDEN)
        call = Call(
            request.method,
            path,
            route.path if route else None,
            self._site.world.now(),
            dict(request.query),
            hide_token(request.headers),
            {key: HIDDEN if key in TOKENS else value for key, value in params.items()},
        )
        self.calls.append(call)
        return call


def web_failure(status: int) -> ApiError:
    """Return what the servers before Discord's own say when something behind them is wrong."""
    words = {500: "500: Internal Server Error", 502: "502: Bad Gateway", 503: "503: Service Unavailable"}
    error = ApiError(NOT_FOUND)
    error.status = status
    error.body = {"message": words.get(status, f"{status}: Error"), "code": 0}
    return error


def _respond(answer: Answer, headers: dict[str, str]) -> web.Response:
    told = {"Via": "1.1 google", "Server": "cloudflare", **headers}
    if answer.body is None:
        return web.Response(status=answer.status, headers=told)
    body: Any = json.dumps(answer.body, separators=(",", ":")).encode()
    return web.Response(body=body, status=answer.status, headers={**told, "Content-Type": "application/json"})
