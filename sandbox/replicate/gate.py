"""The gate of the API origin: who may pass, how often, and how a refusal is worded."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.replicate.answers import Problem, not_found, unauthenticated
from sandbox.replicate.breaking import reset
from sandbox.replicate.throttle import Kind, Throttle

_SCHEMES = ("bearer", "token")  # the second is old and still accepted


def gate(*, token: Callable[[], str], throttle: Callable[[], Throttle], online: Callable[[], bool]) -> Any:
    """Return the middleware that asks for the token, counts requests, and answers refusals as problem+json.

    While the API is not ``online``, a connection that was kept open is cut.
    """

    @web.middleware
    async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not online():
            return reset(request)
        try:
            rate: dict[str, str] = {}
            if not _signed_download(request):
                _check_token(request, token())
                rate = throttle().admit(_kind(request))
            response = await handler(request)
        except Problem as problem:
            response = problem.response()
        except web.HTTPNotFound:
            response = not_found().response()
        except web.HTTPMethodNotAllowed as refusal:
            response = Problem(405, f'Method "{refusal.method}" not allowed.').response()
        for name, value in rate.items():
            response.headers.setdefault(name, value)
        return response

    return pass_through


def _kind(request: web.Request) -> Kind:
    if request.method == "POST" and request.path.endswith("/predictions"):
        return Kind.CREATE
    return Kind.GET if request.path.startswith("/v1/predictions/") and request.method == "GET" else Kind.OTHER


def _check_token(request: web.Request, token: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in _SCHEMES or given != token:
        raise unauthenticated()


def _signed_download(request: web.Request) -> bool:
    return request.path.startswith("/v1/files/") and request.path.endswith("/download")
