"""The middleware that logs requests and responses."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.clock import Clock
from sandbox.request_log import CUT, Call, RequestLog, mask_headers

MAX_TEXT_BYTES = 1_000_000  # of a body that is not JSON


# What handlers and other middleware leave in a request for the log.
BODY = web.RequestKey("body", object)  # the fields of a multipart body
CONNECTION_CUT = web.RequestKey("connection_cut", bool)  # no response was sent
FAULT = web.RequestKey("fault", str)  # the name of the fault that was triggered


def log_middleware(calls: RequestLog, *, origin: str, clock: Clock, on_call: Callable[[Call], None]) -> Any:
    """Return the middleware that logs every request of one origin in ``calls``."""

    @web.middleware
    async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_at = clock.monotonic()
        call = await _read_call(request, origin=origin, at=clock.now())
        calls.append(call)
        request[_CALL] = call
        response: web.StreamResponse | None = None
        try:
            response = await handler(request)
            return response
        finally:
            call.body = request.get(BODY, call.body)
            call.seconds = clock.monotonic() - started_at
            call.fault = request.get(FAULT)
            if request.get(CONNECTION_CUT):
                call.status = CUT if call.status is None else call.status
            elif isinstance(response, web.Response):
                call.status, call.response_headers = response.status, mask_headers(response.headers)
                call.response = _response_body(response)
            on_call(call)

    return log_request


async def log_response_start(request: web.Request, response: web.StreamResponse) -> None:
    """Log the status when the response headers are sent: a stream may end much later."""
    call = request.get(_CALL)
    if call is not None and not request.get(CONNECTION_CUT):
        call.status, call.response_headers = response.status, mask_headers(response.headers)


_CALL = web.RequestKey("call", Call)


async def _read_call(request: web.Request, *, origin: str, at: datetime) -> Call:
    # A multipart body can be read only once: its handler stores the fields under BODY.
    multipart = request.content_type.startswith("multipart/")
    raw = b"" if multipart else await request.read()
    return Call(
        origin=origin,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=mask_headers(request.headers),
        body=_parse_body(raw, request.content_type),
        at=at,
    )


def _response_body(response: web.Response) -> Any:
    body = response.body
    return _parse_body(body, response.content_type) if isinstance(body, bytes) else None


def _parse_body(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if content_type.endswith("json"):
        try:
            return json.loads(raw)
        except ValueError:
            pass
    return raw[:MAX_TEXT_BYTES].decode("utf-8", "replace")
