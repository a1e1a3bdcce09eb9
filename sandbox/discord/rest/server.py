"""The HTTP server: matches the route, applies faults and rate limits, calls the handler, logs the request."""

import json
import math
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.discord.errors import METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED, ApiError
from sandbox.discord.faults import Fault, FaultKind, Faults
from sandbox.discord.rest import commands, guilds, messages, webhooks
from sandbox.discord.rest.request import ApiRequest, ApiResponse, Route, read_body
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import RateLimited
from sandbox.request_log import CUT, MASK, Call, RequestLog, mask_headers

ROUTES = (*guilds.ROUTES, *commands.ROUTES, *webhooks.ROUTES, *messages.ROUTES)
TOKEN_PARAMETERS = ("webhook_token", "interaction_token")
K = FaultKind


class ConnectionCut(Exception):
    """Breaks the connection without a response."""


class Banned(Exception):
    """Cloudflare answers in place of the API."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


class RestServer:
    """Serves everything below ``/api``; ``calls`` are the requests, oldest first."""

    def __init__(self, services: Services, faults: Faults) -> None:
        self._services = services
        self._faults = faults
        self._routes = [(route, route.pattern) for route in ROUTES]
        self.calls = RequestLog()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        path = request.rel_url.raw_path.removeprefix("/api").removeprefix("/v10").replace("%40", "@")
        route, params = self._find_route(request.method, path)
        clock = self._services.state.clock
        call = self._log_request(request, route, params, path)
        started = clock.monotonic()
        headers: dict[str, str] = {}
        try:
            response = await self._handle(request, route, params, call, headers)
        except ApiError as error:
            response = ApiResponse(error.body, error.status)
            headers |= error.headers
            call.code = error.code
        except Banned as error:
            call.status, call.seconds = error.fault.status, clock.monotonic() - started
            self._publish(call, call.seconds)
            return _build_ban(error.fault)
        except ConnectionCut:
            call.status, call.seconds = CUT, clock.monotonic() - started
            if request.transport is not None:
                request.transport.abort()
            self._publish(call, call.seconds)
            return web.Response(status=500)
        call.status, call.response, call.seconds = response.status, response.body, clock.monotonic() - started
        self._publish(call, call.seconds)
        return _build_response(response, headers)

    async def _handle(
        self, request: web.Request, found: Route | None, params: dict[str, str], call: Call, headers: dict[str, str]
    ) -> ApiResponse:
        faults = self._faults.match_request(call.method, call.path)
        if K.BAN in faults:
            raise Banned(faults[K.BAN])
        route = self._check_route(request, found, call)
        self._throttle(faults, route, params)
        if route.bot:
            self._services.rate_limits.consume_global()
        if route.rate_limit is not None:
            headers |= self._services.rate_limits.consume(route.rate_limit, params)
        call.body, files = await read_body(request)
        call.files = {number: (upload.name, len(upload.data)) for number, upload in files.items()}
        await self._apply_faults_before(faults)
        if (refusal := self._faults.match_call(K.REFUSE, call)) is not None:
            call.fault = refusal.kind
            raise ApiError(refusal.error, errors=refusal.errors)
        await self._hang(K.HANG_BEFORE, call)
        response = await route.handler(self._services, ApiRequest(params, dict(request.query), call.body, files))
        await self._hang(K.HANG_AFTER, call)
        if K.CUT_AFTER in faults:
            raise ConnectionCut
        if K.FAIL_AFTER in faults:
            raise server_error(faults[K.FAIL_AFTER].status)
        return response

    def _throttle(self, faults: dict[FaultKind, Fault], route: Route, params: dict[str, str]) -> None:
        if K.THROTTLE in faults:
            headers = self._services.rate_limits.peek(route.rate_limit, params) if route.rate_limit else {}
            raise RateLimited(faults[K.THROTTLE].seconds, "user", headers)
        if K.THROTTLE_ALL in faults:
            raise RateLimited(faults[K.THROTTLE_ALL].seconds, "global", {})

    async def _apply_faults_before(self, faults: dict[FaultKind, Fault]) -> None:
        if K.DELAY in faults:
            await self._services.state.clock.sleep(faults[K.DELAY].seconds)
        if K.CUT_BEFORE in faults:
            raise ConnectionCut
        if K.FAIL in faults:
            raise server_error(faults[K.FAIL].status)

    async def _hang(self, kind: FaultKind, call: Call) -> None:
        if (fault := self._faults.match_call(kind, call)) is not None:
            await fault.removed.wait()
            raise ConnectionCut

    def _check_route(self, request: web.Request, found: Route | None, call: Call) -> Route:
        """Return the route; raise ApiError if there is none or the bot's token is wrong."""
        if found is None:
            known = any(pattern.match(call.path) for _, pattern in self._routes)
            raise ApiError(METHOD_NOT_ALLOWED if known else NOT_FOUND)
        expected = f"Bot {self._services.state.application.token}"
        if found.bot and request.headers.get("Authorization") != expected:
            raise ApiError(UNAUTHORIZED)
        return found

    def _publish(self, call: Call, seconds: float) -> None:
        data = {
            "method": call.method,
            "path": call.path,
            "status": call.status,
            "code": call.code,
            "seconds": round(seconds, 4),
        }
        self._services.state.publish("API_CALL", data)

    def _find_route(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route, pattern in self._routes:
            if route.method == method and (found := pattern.match(path)):
                return route, {key: unquote(value) for key, value in found.groupdict().items()}
        return None, {}

    def _log_request(self, request: web.Request, route: Route | None, params: dict[str, str], path: str) -> Call:
        for key in TOKEN_PARAMETERS:
            if key in params:
                path = path.replace(params[key], MASK)
        call = Call(
            method=request.method,
            path=path,
            at=self._services.state.now(),
            query=dict(request.query),
            headers=mask_headers(request.headers),
            route=route.path if route else None,
            params={key: MASK if key in TOKEN_PARAMETERS else value for key, value in params.items()},
        )
        self.calls.append(call)
        return call


def server_error(status: int) -> ApiError:
    """Return the error that the proxies in front of Discord's API send when the API fails."""
    messages = {500: "500: Internal Server Error", 502: "502: Bad Gateway", 503: "503: Service Unavailable"}
    error = ApiError(NOT_FOUND)
    error.status = status
    error.body = {"message": messages.get(status, f"{status}: Error"), "code": 0}
    return error


def _build_ban(fault: Fault) -> web.Response:
    """Return the page that Cloudflare answers with."""
    headers = {"Server": "cloudflare", "Retry-After": str(math.ceil(fault.seconds))}
    page = "<!DOCTYPE html><html><head><title>Access denied</title></head><body>error code: 1015</body></html>"
    return web.Response(text=page, content_type="text/html", status=fault.status, headers=headers)


def _build_response(response: ApiResponse, headers: dict[str, str]) -> web.Response:
    all_headers = {"Via": "1.1 google", "Server": "cloudflare", **headers}
    if response.body is None:
        return web.Response(status=response.status, headers=all_headers)
    body: Any = json.dumps(response.body, separators=(",", ":")).encode()
    return web.Response(body=body, status=response.status, headers={**all_headers, "Content-Type": "application/json"})
