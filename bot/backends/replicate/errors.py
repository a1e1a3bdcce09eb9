"""The rules that make errors of Replicate's HTTP failures."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import httpx

from bot.backends.errors import (
    ApiError,
    BackendError,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    NoResponse,
    NotFound,
    NotSent,
    Throttled,
    TooLarge,
    Unauthenticated,
)
from bot.backends.replicate.types import clean
from bot.formatting import single_line

# Replicate states the wait in one of three ways. Without any, this is the period of its tightest limit (6 a minute).
DEFAULT_RETRY_AFTER: Final = 10.0
_MAX_RETRY_AFTER: Final = 3600.0
_RESETS_IN: Final = re.compile(r"resets in ~?(\d{1,6}(?:\.\d+)?)\s*s")
_DETAIL_CHARS: Final = 2000

TRANSPORT_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)
"""Everything that the transport raises when there is no response."""

# Exceptions that are raised before the first byte of a request is sent, and only then. The classes themselves, without
# their subclasses: a library's next version may raise a new one at any time, and what is not known here may have been
# sent. httpx-aiohttp makes one httpx error of several causes, so the aiohttp error decides where there is one: a
# connection that is reset in the middle of a request is a ConnectTimeout as well.
NOTHING_SENT: Final[frozenset[type[BaseException]]] = frozenset(
    {
        aiohttp.ClientConnectorError,  # refused, unreachable
        aiohttp.ClientConnectorDNSError,
        aiohttp.ClientConnectorSSLError,
        aiohttp.ClientConnectorCertificateError,
        aiohttp.ClientProxyConnectionError,
        aiohttp.ConnectionTimeoutError,  # no connection in time, or none free in the pool
        aiohttp.ServerFingerprintMismatch,
        aiohttp.InvalidURL,
        aiohttp.InvalidUrlClientError,
        aiohttp.NonHttpUrlClientError,
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
        httpx.ConnectError,
    }
)

CONNECTED_EXTENSION: Final = "replicord_connected"
"""The extension of a request that the transport sets once it has given the request a connection."""

_ERRORS_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthenticated,
    402: InsufficientCredit,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
}


def error_from_response(response: httpx.Response, *, now: datetime) -> BackendError | None:
    """Return the error that a response stands for, or None for a success. The body must have been read."""
    status = response.status_code
    if response.is_success:
        return None
    if status >= 500 or status in (408, 425):
        message = f"Replicate responded with an error ({status})."
        return NoResponse(message, status=status, retry_after=retry_after(response, now=now))
    problem = _problem(response)
    title, detail = _text(problem.get("title")), _text(problem.get("detail"))
    if response.is_redirect:
        title, detail = "Redirect", "The API redirects to another address, and the token is not sent there."
    if status == 429:
        seconds = _throttled_for(problem, detail, response, now)
        return Throttled(status=status, title=title, detail=detail, retry_after=seconds)
    if status == 422:
        return InvalidInput(status=status, title=title, detail=detail, fields=_fields(problem.get("invalid_fields")))
    error = _ERRORS_BY_STATUS.get(status, ApiError)
    return error(status=status, title=title, detail=detail or _text(response.reason_phrase))


def error_from_exception(error: Exception, *, request: httpx.Request) -> BackendError:
    """Return NotSent if it is proven that nothing of the request left this machine, else NoResponse.

    The proof has two halves: the exception is one that is raised before anything is sent, and the request never had a
    connection.
    """
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    host = request.url.host
    kind = type(cause).__name__  # not its text, which may contain a URL
    if type(cause) in NOTHING_SENT and not request.extensions.get(CONNECTED_EXTENSION):
        return NotSent(f"{host} could not be reached ({kind}).")
    return NoResponse(f"The connection to {host} was lost before it responded ({kind}).")


def retry_after(response: httpx.Response, *, now: datetime) -> float | None:
    """Return the seconds stated by the ``Retry-After`` header, or None if there is none."""
    header = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header, re.ASCII):
        return _clamp(float(header))
    try:
        time = parsedate_to_datetime(header)
    except ValueError:
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    return _clamp((time - now).total_seconds())


def _throttled_for(problem: Mapping[str, Any], detail: str, response: httpx.Response, now: datetime) -> float:
    seconds = problem.get("retry_after")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds):
        return _clamp(seconds)
    in_header = retry_after(response, now=now)
    if in_header is not None:
        return in_header
    in_text = _RESETS_IN.search(detail)
    return _clamp(float(in_text[1])) if in_text else DEFAULT_RETRY_AFTER


def _clamp(seconds: float) -> float:
    return min(max(float(seconds), 0.0), _MAX_RETRY_AFTER)


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    """Return the RFC 7807 problem in the body, {} if there is none."""
    try:
        problem = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return single_line(str(clean(text[:_DETAIL_CHARS])))


def _fields(value: Any) -> tuple[InvalidField, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        InvalidField(_text(entry.get("field")), _text(entry.get("type")), _text(entry.get("description")))
        for entry in entries
        if isinstance(entry, dict)
    )
