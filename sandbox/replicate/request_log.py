"""Calls: every request that reached the stand-in and what it answered."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.clock import Clock

KEPT_BYTES = 1_000_000  # of a body that is not JSON
MASK = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. ``status`` is None while it is unanswered, and stays None when the connection was cut.

    ``origin`` is "api", "stream" or "delivery"; ``path`` is without the query; header names are in lower case and
    the token is masked. ``body`` is parsed JSON where it was JSON, else text or None; ``answer`` likewise. ``fault`` is
    the name of the fault that struck this call.
    """

    origin: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    at: datetime
    status: int | None = None
    answer: Any = None
    answer_headers: Mapping[str, str]
    seconds: float | None = None
    fault: str | None = None

    @property
    def place(self) -> str:
        """The method and the path, as faults are aimed: ``POST /v1/predictions``."""
        return f"{self.method} {self.path}"


# What the parts of the stand-in leave in a request for the recorder to find.
BODY = web.RequestKey("what a multipart body held", object)
CONNECTION_CUT = web.RequestKey("the connection was cut, no answer went out", bool)
FAULT = web.RequestKey("the fault that struck", str)


class RequestLog(list[Call]):
    """Every call in the order of arrival; an entry is replaced when its answer is known."""

    def to(self, place: str) -> list[Call]:
        """Return the calls to one place: ``POST /v1/predictions``."""
        return [call for call in self if call.place == place]

    @property
    def creates(self) -> list[Call]:
        """The calls that ask for a prediction, by any of the three roads."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/predictions")]

    @property
    def cancels(self) -> list[Call]:
        """The calls that ask for a cancellation."""
        return [call for call in self if call.method == "POST" and call.path.endswith("/cancel")]


def log_middleware(calls: RequestLog, *, origin: str, clock: Clock, tell: Callable[[Call], None]) -> Any:
    """Return the middleware that writes every request of one origin into ``calls``."""

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = clock.monotonic()
        entry = _LogEntry(calls, await _read_call(request, origin=origin, at=clock.now()))
        request[_LOG_ENTRY] = entry
        response: web.StreamResponse | None = None
        try:
            response = await handler(request)
            return response
        finally:
            entry.note(
                body=request.get(BODY, entry.call.body),
                seconds=clock.monotonic() - began,
                fault=request.get(FAULT),
            )
            if isinstance(response, web.Response) and not request.get(CONNECTION_CUT):
                entry.note(
                    status=response.status,
                    answer_headers=_masked_headers(response.headers),
                    answer=_response_body(response),
                )
            tell(entry.call)

    return record


async def log_response_start(request: web.Request, response: web.StreamResponse) -> None:
    """Write down an answer's status when its head leaves: a stream's end may be far away."""
    entry = request.get(_LOG_ENTRY)
    if entry is not None and not request.get(CONNECTION_CUT):
        entry.note(status=response.status, answer_headers=_masked_headers(response.headers))


class _LogEntry:
    """A call's place in the list, so that it can be replaced by what is known later."""

    def __init__(self, calls: RequestLog, call: Call) -> None:
        self._calls = calls
        self._index = len(calls)
        self.call = call
        calls.append(call)

    def note(self, **known: Any) -> None:
        self.call = replace(self.call, **known)
        if self._index < len(self._calls):
            self._calls[self._index] = self.call


_LOG_ENTRY = web.RequestKey("its place in the list", _LogEntry)


async def _read_call(request: web.Request, *, origin: str, at: datetime) -> Call:
    # A multipart body can be read once only: its handler writes down what it found under BODY.
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
        answer_headers={},
    )


def _masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    seen = {name.lower(): value for name, value in headers.items()}
    if "authorization" in seen:
        seen["authorization"] = f"{seen['authorization'].partition(' ')[0]} {MASK}"
    return seen


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
    return raw[:KEPT_BYTES].decode("utf-8", "replace")
