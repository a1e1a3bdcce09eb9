"""The request log: every request that reached the stand-in, and its response."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.clock import Clock

MAX_TEXT_BYTES = 1_000_000  # of a body that is not JSON
MASK = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its response.

    ``status`` is None until the response is sent, and stays None if the connection was cut. ``origin`` is "api",
    "stream" or "delivery"; ``path`` excludes the query; header names are in lower case and the token is masked.
    ``body`` is parsed JSON if it was JSON, else text or None; ``response`` likewise. ``fault`` is the name of the fault
    that was triggered by this request.
    """

    origin: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    at: datetime
    status: int | None = None
    response: Any = None
    response_headers: Mapping[str, str]
    seconds: float | None = None
    fault: str | None = None

    @property
    def target(self) -> str:
        """The method and the path, as faults match them: ``POST /v1/predictions``."""
        return f"{self.method} {self.path}"


# What handlers and other middleware leave in a request for the log.
BODY = web.RequestKey("body", object)  # the fields of a multipart body
CONNECTION_CUT = web.RequestKey("connection_cut", bool)  # no response was sent
FAULT = web.RequestKey("fault", str)  # the name of the fault that was triggered


class RequestLog(list[Call]):
    """Every call in order of arrival; an entry is replaced when its response is known."""

    def to(self, target: str) -> list[Call]:
        """Return the calls to one target: ``POST /v1/predictions``."""
        return [call for call in self if call.target == target]

    @property
    def creates(self) -> list[Call]:
        """The calls that create a prediction, by any of the three endpoints."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/predictions")]

    @property
    def cancels(self) -> list[Call]:
        """The calls that cancel a prediction."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/cancel")]


def log_middleware(calls: RequestLog, *, origin: str, clock: Clock, on_call: Callable[[Call], None]) -> Any:
    """Return the middleware that logs every request of one origin in ``calls``."""

    @web.middleware
    async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_at = clock.monotonic()
        entry = _LogEntry(calls, await _read_call(request, origin=origin, at=clock.now()))
        request[_LOG_ENTRY] = entry
        response: web.StreamResponse | None = None
        try:
            response = await handler(request)
            return response
        finally:
            entry.update(
                body=request.get(BODY, entry.call.body),
                seconds=clock.monotonic() - started_at,
                fault=request.get(FAULT),
            )
            if isinstance(response, web.Response) and not request.get(CONNECTION_CUT):
                entry.update(
                    status=response.status,
                    response_headers=_masked_headers(response.headers),
                    response=_response_body(response),
                )
            on_call(entry.call)

    return log_request


async def log_response_start(request: web.Request, response: web.StreamResponse) -> None:
    """Log the status when the response headers are sent: a stream may end much later."""
    entry = request.get(_LOG_ENTRY)
    if entry is not None and not request.get(CONNECTION_CUT):
        entry.update(status=response.status, response_headers=_masked_headers(response.headers))


class _LogEntry:
    """A call's position in the log, where a more complete call replaces it."""

    def __init__(self, calls: RequestLog, call: Call) -> None:
        self._calls = calls
        self._index = len(calls)
        self.call = call
        calls.append(call)

    def update(self, **fields: Any) -> None:
        self.call = replace(self.call, **fields)
        if self._index < len(self._calls):
            self._calls[self._index] = self.call


_LOG_ENTRY = web.RequestKey("log_entry", _LogEntry)


async def _read_call(request: web.Request, *, origin: str, at: datetime) -> Call:
    # A multipart body can be read only once: its handler stores the fields under BODY.
    multipart = request.content_type.startswith("multipart/")
    raw = b"" if multipart else await request.read()
    return Call(
        origin=origin,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=_masked_headers(request.headers),
        body=_parse_body(raw, request.content_type),
        at=at,
        response_headers={},
    )


def _masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    masked = {name.lower(): value for name, value in headers.items()}
    if "authorization" in masked:
        masked["authorization"] = f"{masked['authorization'].partition(' ')[0]} {MASK}"
    return masked


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
