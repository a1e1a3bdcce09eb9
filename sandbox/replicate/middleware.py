"""Middleware: the request log, authentication, rate limits, and the faults that apply to requests."""

import asyncio
import json
import math
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum, auto
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot import limits
from bot.clock import Clock
from sandbox.replicate import errors
from sandbox.replicate.errors import Problem, not_found, throttled, unauthenticated
from sandbox.replicate.faults import Fault, Faults
from sandbox.request_log import CUT, Call, RequestLog, mask_headers

MAX_TEXT_BYTES = 1_000_000  # of a logged body that is not JSON
MAX_LOGGED_JSON_BYTES = 4_000_000  # of a logged response

# What handlers and other middleware leave in a request for the log.
BODY = web.RequestKey("body", object)  # the fields of a multipart body
CONNECTION_CUT = web.RequestKey("connection_cut", bool)  # no response was sent
FAULT = web.RequestKey("fault", str)  # the name of the fault that was triggered
_CALL = web.RequestKey("call", Call)

LOW_CREDIT_RATE = 6  # creates a minute for an account with less than $5 of credit
_LOW_CREDIT_REASON = (
    " Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests"
    " while you have less than $5.0 in credit."
)
_AUTH_SCHEMES = ("bearer", "token")  # the second is old and still accepted
_LINGER_ZERO = struct.pack("ii", 1, 0)

_ERROR_RESPONSES: dict[str, Callable[[Fault], web.Response]] = {
    "error-500": lambda _: errors.proxy_error_page(500),
    "error-502": lambda _: errors.proxy_error_page(502),
    "error-503": lambda _: errors.proxy_error_page(503),
    "unauthenticated": lambda _: errors.unauthenticated().response(),
    "no-credit": lambda _: errors.insufficient_credit().response(),
    "forbidden": lambda _: errors.Problem(403, "You do not have permission to perform this action.").response(),
    "not-found": lambda _: errors.not_found().response(),
    "throttled": lambda fault: errors.throttled(fault.get("seconds", 7), form=fault.get("form", "body")).response(),
    "upload-fails": lambda _: errors.proxy_error_page(500),
    "cancel-fails": lambda _: errors.proxy_error_page(500),
}


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
    if not isinstance(body, bytes) or len(body) > MAX_LOGGED_JSON_BYTES:
        return None  # to parse a huge output at every poll would hold the stand-in up
    logged = _parse_body(body, response.content_type)
    is_unread = isinstance(logged, str) and response.content_type.endswith("json")
    return None if is_unread else logged  # numbers and depths that Python does not read


def _parse_body(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if content_type.endswith("json"):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            pass
    return raw[:MAX_TEXT_BYTES].decode("utf-8", "replace")


class RequestKind(StrEnum):
    """The rate limit that a request counts towards."""

    CREATE = auto()  # creates a prediction
    GET = auto()  # reads one prediction
    OTHER = auto()


class TokenBucket:
    """Admits ``per_minute`` requests a minute, up to ``burst`` of them at once."""

    def __init__(self, *, per_minute: float, burst: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def try_acquire(self) -> bool:
        """Take a token; return False if none is left."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def remaining(self) -> int:
        """How many more requests would be admitted right now."""
        return int(self._tokens)

    @property
    def reset(self) -> int:
        """Whole seconds until the next request would be admitted, at least 1."""
        return max(1, math.ceil((1 - self._tokens) / self._rate)) if self._tokens < 1 else 1


class Throttle:
    """The rate limits of the account, one bucket for each kind of request."""

    def __init__(
        self,
        *,
        clock: Clock,
        creates_per_minute: int = limits.CREATES_PER_MINUTE,
        gets_per_minute: int = limits.PREDICTION_GETS_PER_MINUTE,
        requests_per_minute: int = limits.REQUESTS_PER_MINUTE,
    ) -> None:
        self._clock = clock
        rates = {
            RequestKind.CREATE: creates_per_minute,
            RequestKind.GET: gets_per_minute,
            RequestKind.OTHER: requests_per_minute,
        }
        self._buckets = {kind: TokenBucket(per_minute=rate, burst=rate, clock=clock) for kind, rate in rates.items()}
        self._reason = ""

    def set_low_credit(self) -> None:
        """Apply the lower rate limit of an account with less than $5 of credit."""
        self._buckets[RequestKind.CREATE] = TokenBucket(per_minute=LOW_CREDIT_RATE, burst=1, clock=self._clock)
        self._reason = _LOW_CREDIT_REASON

    def admit(self, kind: RequestKind) -> dict[str, str]:
        """Admit a request and return the rate limit headers; raise the 429 if the limit is reached."""
        bucket = self._buckets[kind]
        admitted = bucket.try_acquire()
        headers = {"ratelimit-remaining": str(bucket.remaining), "ratelimit-reset": str(bucket.reset)}
        if not admitted:
            problem: Problem = throttled(bucket.reset, reason=self._reason if kind is RequestKind.CREATE else "")
            problem.headers.update(headers)
            raise problem
        return headers


class RequestFaults:
    """The faults that one request to ``target`` may trigger; the request log gets the name of the one that was."""

    def __init__(self, faults: Faults, target: str, request: web.Request) -> None:
        self._faults = faults
        self._target = target
        self._request = request

    def trigger(self, name: str, *, ready: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Return the active fault called ``name`` if it applies now."""
        fault = self._faults.trigger(name, self._target, ready=ready)
        if fault is not None:
            self._request[FAULT] = name
        return fault


def reset_connection(request: web.Request) -> web.Response:
    """Cut the connection so that the client sees a reset; the returned response is never sent."""
    request[CONNECTION_CUT] = True
    if (transport := request.transport) is not None:
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    return web.Response(status=500)


def auth_middleware(*, token: Callable[[], str], throttle: Callable[[], Throttle], online: Callable[[], bool]) -> Any:
    """Return the middleware that checks the token, applies rate limits, and turns errors into problem+json.

    While the API is not ``online``, kept-alive connections are cut.
    """

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not online():
            return reset_connection(request)
        try:
            rate_headers: dict[str, str] = {}
            if not _is_signed_download(request):
                _check_token(request, token())
                rate_headers = throttle().admit(_request_kind(request))
            response = await handler(request)
        except Problem as problem:
            response = problem.response()
        except web.HTTPNotFound:
            response = not_found().response()
        except web.HTTPMethodNotAllowed as error:
            response = Problem(405, f'Method "{error.method}" not allowed.').response()
        for name, value in rate_headers.items():
            response.headers.setdefault(name, value)
        return response

    return authenticate


def fault_middleware(faults: Faults, *, clock: Clock, closing: asyncio.Event) -> Any:
    """Return the middleware that applies the faults of requests; ``closing`` ends those that never respond."""

    @web.middleware
    async def apply_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_faults = RequestFaults(faults, f"{request.method} {request.path}", request)
        if fault := request_faults.trigger("delay", ready=lambda fault: fault.get("before", False)):
            await clock.sleep(fault["seconds"])
        if request_faults.trigger("reset-before"):
            return reset_connection(request)
        if request_faults.trigger("stuck"):
            await closing.wait()
            return reset_connection(request)
        if error := await _error_response(request_faults, request, handler):
            return error
        response = await handler(request)
        if fault := request_faults.trigger("delay", ready=lambda fault: not fault.get("before", False)):
            await clock.sleep(fault["seconds"])
        if request_faults.trigger("silence"):
            await closing.wait()
            return reset_connection(request)
        return await _corrupt_response(request_faults, request, response)

    return apply_faults


def _request_kind(request: web.Request) -> RequestKind:
    if request.method == "POST" and request.path.endswith("/predictions"):
        return RequestKind.CREATE
    is_get = request.path.startswith("/v1/predictions/") and request.method == "GET"
    return RequestKind.GET if is_get else RequestKind.OTHER


def _check_token(request: web.Request, token: str) -> None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in _AUTH_SCHEMES or credentials != token:
        raise unauthenticated()


def _is_signed_download(request: web.Request) -> bool:
    return request.path.startswith("/v1/files/") and request.path.endswith("/download")


async def _error_response(request_faults: RequestFaults, request: web.Request, handler: Handler) -> web.Response | None:
    for name, build_response in _ERROR_RESPONSES.items():
        if fault := request_faults.trigger(name):
            if fault.get("handled", False):
                await handler(request)
            return build_response(fault)
    return None


async def _corrupt_response(
    request_faults: RequestFaults, request: web.Request, response: web.StreamResponse
) -> web.StreamResponse:
    if request_faults.trigger("reset-after"):
        return reset_connection(request)
    if request_faults.trigger("half-answer"):
        return await _send_half(request, response)
    if request_faults.trigger("garbled"):
        return web.Response(status=response.status, content_type="application/json", body=b'{"id": "')
    return response


async def _send_half(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b"{}"
    broken = web.StreamResponse(status=response.status, headers=response.headers)
    broken.content_length = len(body)
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    await asyncio.sleep(0)  # the first half must be sent before the connection is cut
    reset_connection(request)
    return broken
