"""The HTTP API of one Cog server.

Recorded on coglet 0.23.1:

======================================== ==============================================================================
PUT /predictions/{id}, ``respond-async`` 202; while it runs the same id again is 202 with its state, whatever the body;
                                         **after its end it would run again**
the same with ``{"input": []}``          202 with its state while it runs, else 422 and never a new prediction: this is
                                         how a prediction is looked for, there is no GET
the same, ``text/event-stream``          its events from the beginning while it runs; closing them changes nothing,
                                         because the prediction was not created by this request
POST /predictions/{id}/cancel            200; 404 if it does not run
409                                      no place is free, or the worker is dead: /health-check tells which
======================================== ==============================================================================

A create is never sent twice. The HTTP client must not do so by itself either: aiohttp repeats a PUT whose connection
broke, httpx on its own transport repeats nothing (``open_cog_http``).
"""

import ssl
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import httpx

from bot.backends.cog.request_body import encode_body, send_pieces
from bot.backends.errors import ApiError, InvalidField, InvalidInput, InvalidResponse, NoResponse, NotSent
from bot.large_json import InvalidJson, read_object
from bot.limits import MIB

_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=30.0, write=60.0, pool=10.0)
_STREAM_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=45.0, write=10.0, pool=10.0)  # a comment comes every 15 s
_HEALTH_TIMEOUT: Final = httpx.Timeout(5.0)
_SMALL_BYTES: Final = MIB  # of any answer but that about a running prediction
_DETAIL_CHARS: Final = 2000
_PROBE: Final = b'{"input":[]}'
_MAX_CONNECTIONS: Final = 100
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class HealthStatus(StrEnum):
    """What ``/health-check`` tells; OTHER is what later versions add."""

    STARTING = "STARTING"
    READY = "READY"
    BUSY = "BUSY"
    SETUP_FAILED = "SETUP_FAILED"
    DEFUNCT = "DEFUNCT"
    UNHEALTHY = "UNHEALTHY"
    OTHER = "OTHER"


_STATUSES: Final[Mapping[str, HealthStatus]] = {status.value: status for status in HealthStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of a server. ``uptime`` is how long ago its setup began, by its own clock; None if it does not tell.

    ``started_at`` is the same as the server writes it: another text is another start.
    ``version`` is that of coglet, "" for the Python server before it.
    """

    status: HealthStatus
    uptime: timedelta | None = None
    started_at: str = ""
    version: str = ""


class AtCapacity(ApiError):
    """409: no prediction can begin now. ``/health-check`` tells whether one will."""


class NotReady(ApiError):
    """503: the model is not set up, or its setup failed. ``/health-check`` tells which."""


def open_cog_http(*, tls: bool) -> httpx.AsyncClient:
    """Return a client that sends each request at most once; close it with ``aclose()``. ``tls``: any https address."""
    # Without TLS there is nothing to verify, and loading the system's certificates takes half a second.
    context = ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=0)
    transport = httpx.AsyncHTTPTransport(verify=context, retries=0, limits=limits)
    return httpx.AsyncClient(
        transport=transport, timeout=_TIMEOUT, follow_redirects=False, headers={"User-Agent": "replicord"}
    )


class CogClient:
    """One server, at ``url`` (http://host:port). Raises only errors of ``bot.backends.replicate.errors``."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self.url = url.rstrip("/")

    async def create(
        self,
        prediction_id: str,
        values: Mapping[str, Any],
        *,
        webhook: str | None = None,
        events: Sequence[str] = (),
    ) -> None:
        """Create a prediction of these input values, or do nothing if it is running. The request is sent at most once.

        After NotSent, AtCapacity, NotReady and any other ApiError it does not exist. After NoResponse it may.
        """
        body: dict[str, Any] = {"input": values}
        if webhook is not None:
            body |= {"webhook": webhook, "webhook_events_filter": list(events)}
        try:
            pieces = await encode_body(body)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(status=422, title="", detail="It holds a number that cannot be sent.") from error
        headers = {
            "Prefer": "respond-async",
            "Content-Type": "application/json",
            "Content-Length": str(sum(map(len, pieces))),
        }
        async with self._send("PUT", _path(prediction_id), content=send_pieces(pieces), headers=headers) as response:
            content = await _read(response, _SMALL_BYTES)
        _raise_for_status(response, content)

    @asynccontextmanager
    async def probe(self, prediction_id: str) -> AsyncIterator[AsyncIterator[bytes] | None]:
        """Look for a prediction: yield the body of its state while it runs, None if it is over or never began."""
        headers = {"Prefer": "respond-async", "Content-Type": "application/json"}
        async with self._send("PUT", _path(prediction_id), content=_PROBE, headers=headers) as response:
            if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                yield None
                return
            if response.status_code not in (httpx.codes.OK, httpx.codes.ACCEPTED):
                _raise_for_status(response, await _read(response, _SMALL_BYTES))
            yield _chunks(response)

    @asynccontextmanager
    async def listen(self, prediction_id: str) -> AsyncIterator[httpx.Response | None]:
        """Yield a response with the events of a running prediction, None if it is over or never began.

        ApiError (406) if the model has no stream.
        """
        headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
        sending = self._send("PUT", _path(prediction_id), content=_PROBE, headers=headers, limits=_STREAM_TIMEOUT)
        async with sending as response:
            if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                yield None
                return
            content_type = response.headers.get("content-type", "")
            if response.status_code != httpx.codes.OK or not content_type.startswith("text/event-stream"):
                _raise_for_status(response, await _read(response, _SMALL_BYTES))
                raise InvalidResponse("The model's server sent no events.")
            yield response

    async def cancel(self, prediction_id: str) -> bool:
        """Ask for the end of a prediction; False if it does not run."""
        async with self._send("POST", f"{_path(prediction_id)}/cancel") as response:
            content = await _read(response, _SMALL_BYTES)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        _raise_for_status(response, content)
        return True

    async def get_health(self) -> Health:
        """Return the state of the server."""
        async with self._send("GET", "/health-check", limits=_HEALTH_TIMEOUT) as response:
            content = await _read(response, _SMALL_BYTES)
        return _parse_health(content, response.headers.get("date"))

    async def get_schema(self, *, max_bytes: int = _SMALL_BYTES) -> Mapping[str, Any]:
        """Return the OpenAPI document of the model. NotReady where the server has none."""
        async with self._send("GET", "/openapi.json") as response:
            content = await _read(response, max_bytes)
        _raise_for_status(response, content)
        return _decode(content)

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | AsyncIterator[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        limits: httpx.Timeout = _TIMEOUT,
    ) -> AsyncIterator[httpx.Response]:
        """Yield the response, whose body is not read yet; NotSent or NoResponse if there is none."""
        try:
            url = f"{self.url}{path}"
            async with self._http.stream(method, url, content=content, headers=headers, timeout=limits) as response:
                yield response
        except _NOT_SENT as error:
            raise NotSent("The model's server cannot be reached.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NoResponse("The model's server did not answer.") from error


def _path(prediction_id: str) -> str:
    return f"/predictions/{quote(prediction_id, safe='')}"


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_bytes():
        yield chunk


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise InvalidResponse("The model's server sent more than this bot reads.")
    return bytes(content)


def _decode(content: bytes, large: Collection[str] = ()) -> dict[str, Any]:
    try:
        return read_object(content, large)
    except InvalidJson as error:
        raise InvalidResponse("The model's server sent something that is no JSON object.") from error


def _raise_for_status(response: httpx.Response, content: bytes) -> None:
    """Raise the error of a response that is none of a success."""
    status = response.status_code
    if response.is_success:
        return
    try:
        problem = read_object(content)
    except InvalidJson:
        problem = {}
    detail = str(problem.get("error") or "") if not isinstance(problem.get("detail"), list) else ""
    text = (detail or content.decode("utf-8", "replace"))[:_DETAIL_CHARS]
    if status == httpx.codes.UNPROCESSABLE_ENTITY:
        raise InvalidInput(status=status, title="", detail=text, fields=_parse_fields(problem.get("detail")))
    if status == httpx.codes.CONFLICT:
        raise AtCapacity(status=status, title="", detail=text)
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        raise NotReady(status=status, title="", detail=text)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        raise NoResponse("The model's server failed to answer.", status=status)
    raise ApiError(status=status, title="", detail=text)


def _parse_fields(detail: Any) -> tuple[InvalidField, ...]:
    """Return what a 422 names: ``{"loc": ["body", "input", name], "msg": …, "type": …}``."""
    fields = []
    for entry in detail if isinstance(detail, list) else []:
        place = entry.get("loc") if isinstance(entry, dict) else None
        if not isinstance(place, list):
            continue
        name = ".".join(map(str, place[1:]))
        is_missing = entry.get("type") == "value_error.missing"
        message = str(entry.get("msg") or "")[:_DETAIL_CHARS]
        described = f"{place[-1]} is required" if is_missing else message
        fields.append(InvalidField(name, "required" if is_missing else str(entry.get("type") or ""), described))
    return tuple(fields)


def _parse_health(content: bytes, date: str | None) -> Health:
    members = _decode(content)
    setup, version = members.get("setup"), members.get("version")
    text = setup.get("started_at") if isinstance(setup, dict) else None
    started_at = _parse_time(text)
    coglet = version.get("coglet") if isinstance(version, dict) else None
    return Health(
        status=_STATUSES.get(str(members.get("status")), HealthStatus.OTHER),
        uptime=_uptime(started_at, date),
        started_at=text if isinstance(text, str) else "",
        version=coglet if isinstance(coglet, str) else "",
    )


def _uptime(started_at: datetime | None, date: str | None) -> timedelta | None:
    """Return how long the server has been up, by its own clock alone: ours may differ by minutes."""
    if started_at is None or date is None:
        return None
    try:
        return max(parsedate_to_datetime(date) - started_at, timedelta())
    except (ValueError, TypeError):
        return None


def _parse_time(value: object) -> datetime | None:
    """Return a time with up to nine digits of a second."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
