"""The HTTP server: finds the route, counts, strikes with faults, answers, writes down what was asked."""

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.discord.errors import METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED, ApiError
from sandbox.discord.faults import Fault, FaultKind, FaultList
from sandbox.discord.rest import commands, guilds, messages, webhooks
from sandbox.discord.rest import messages as reactions
from sandbox.discord.rest.request import ApiRequest, ApiResponse, Route, read_body
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import RateLimited
from sandbox.request_log import HIDDEN, Call, hide_token

ROUTES = (
    *guilds.USER_ROUTES,
    *commands.ROUTES,
    *webhooks.ROUTES,
    *messages.ROUTES,
    *reactions.REACTION_ROUTES,
    *guilds.GUILD_ROUTES,
)
TOKEN_PARAMETERS = ("webhook_token", "interaction_token")
K = FaultKind


class ConnectionCut(Exception):
    """The connection breaks with no answer."""


class RestServer:
    """Answers everything below ``/api``; ``calls`` is what was asked, oldest first."""

    def __init__(self, services: Services, fault_list: FaultList) -> None:
        self._services = services
        self._list = fault_list
        self._routes = [(route, route.pattern) for route in ROUTES]
        self.calls: list[Call] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as Discord does."""
        path = request.rel_url.raw_path.removeprefix("/api").removeprefix("/v10").replace("%40", "@")
        route, params = self._find(request.method, path)
        clock = self._services.state.clock
        call = self._note(request, route, params, path)
        started = clock.monotonic()
        headers: dict[str, str] = {}
        try:
            answer = await self._handle(request, route, params, call, headers)
        except ApiError as error:
            answer = ApiResponse(error.body, error.status)
            headers |= error.headers
            call.code = error.code
        except ConnectionCut:
            call.status, call.seconds = 0, clock.monotonic() - started
            if request.transport is not None:
                request.transport.abort()
            self._tell(call)
            return web.Response(status=500)
        call.status, call.answer, call.seconds = answer.status, answer.body, clock.monotonic() - started
        self._tell(call)
        return _build_response(answer, headers)

    async def _handle(
        self, request: web.Request, found: Route | None, params: dict[str, str], call: Call, headers: dict[str, str]
    ) -> ApiResponse:
        faults = self._list.struck(call.method, call.path)
        route = self._allowed(request, found, call)
        self._throttle(faults, route, params)
        if route.bot:
            self._services.rate_limits.take_global()
        if route.rule is not None:
            headers |= self._services.rate_limits.take(route.rule, params)
        call.payload, files = await read_body(request)
        call.files = {number: (upload.name, len(upload.data)) for number, upload in files.items()}
        await self._strike_before(faults)
        await self._hang(K.HANG_BEFORE, call)
        answer = await route.handler(self._services, ApiRequest(params, dict(request.query), call.payload, files))
        await self._hang(K.HANG_AFTER, call)
        if K.CUT_AFTER in faults:
            raise ConnectionCut
        return answer

    def _throttle(self, faults: dict[FaultKind, Fault], route: Route, params: dict[str, str]) -> None:
        if K.THROTTLE in faults:
            headers = self._services.rate_limits.look(route.rule, params) if route.rule else {}
            raise RateLimited(faults[K.THROTTLE].seconds, "user", headers)
        if K.THROTTLE_ALL in faults:
            raise RateLimited(faults[K.THROTTLE_ALL].seconds, "global", {})

    async def _strike_before(self, faults: dict[FaultKind, Fault]) -> None:
        if K.DELAY in faults:
            await self._services.state.clock.sleep(faults[K.DELAY].seconds)
        if K.CUT_BEFORE in faults:
            raise ConnectionCut
        if K.FAIL in faults:
            raise server_error(faults[K.FAIL].status)

    async def _hang(self, kind: FaultKind, call: Call) -> None:
        if (fault := self._list.hangs(kind, call)) is not None:
            await fault.lifted.wait()
            raise ConnectionCut

    def _allowed(self, request: web.Request, found: Route | None, call: Call) -> Route:
        if found is None:
            known = any(pattern.match(call.path) for _, pattern in self._routes)
            raise ApiError(METHOD_NOT_ALLOWED if known else NOT_FOUND)
        expected = f"Bot {self._services.state.application.token}"
        if found.bot and request.headers.get("Authorization") != expected:
            raise ApiError(UNAUTHORIZED)
        return found

    def _tell(self, call: Call) -> None:
        seconds = round(call.seconds, 4)
        about = {"method": call.method, "path": call.path, "status": call.status, "code": call.code, "seconds": seconds}
        self._services.state.publish("API_CALL", about)

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route, pattern in self._routes:
            if route.method == method and (found := pattern.match(path)):
                return route, {key: unquote(value) for key, value in found.groupdict().items()}
        return None, {}

    def _note(self, request: web.Request, route: Route | None, params: dict[str, str], path: str) -> Call:
        for key in TOKEN_PARAMETERS:
            if key in params:
                path = path.replace(params[key], HIDDEN)
        call = Call(
            request.method,
            path,
            route.path if route else None,
            self._services.state.now(),
            dict(request.query),
            hide_token(request.headers),
            {key: HIDDEN if key in TOKEN_PARAMETERS else value for key, value in params.items()},
        )
        self.calls.append(call)
        return call


def server_error(status: int) -> ApiError:
    """Return what the servers before Discord's own say when something behind them is wrong."""
    words = {500: "500: Internal Server Error", 502: "502: Bad Gateway", 503: "503: Service Unavailable"}
    error = ApiError(NOT_FOUND)
    error.status = status
    error.body = {"message": words.get(status, f"{status}: Error"), "code": 0}
    return error


def _build_response(answer: ApiResponse, headers: dict[str, str]) -> web.Response:
    told = {"Via": "1.1 google", "Server": "cloudflare", **headers}
    if answer.body is None:
        return web.Response(status=answer.status, headers=told)
    body: Any = json.dumps(answer.body, separators=(",", ":")).encode()
    return web.Response(body=body, status=answer.status, headers={**told, "Content-Type": "application/json"})
