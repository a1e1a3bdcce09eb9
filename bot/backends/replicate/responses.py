"""Map HTTP responses and transport exceptions to the errors of this package."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx

from bot.backends.replicate.errors import (
    ApiError,
    Forbidden,
    InsufficientCredit,
    InvalidField,
    InvalidInput,
    NoAnswer,
    NotFound,
    NotSent,
    ReplicateError,
    Throttled,
    TooLarge,
    Unauthenticated,
)
from bot.backends.replicate.types import clean

# Replicate names the wait in three ways; without any, this is its tightest limit (6 a minute) and nobody is harmed.
DEFAULT_RETRY_AFTER = 10.0
_LONGEST_RETRY_AFTER = 3600.0
_RESETS_IN = re.compile(r"resets in ~?(\d{1,6}(?:\.\d+)?)\s*s")
_DETAIL_CHARS = 2000

_KINDS: Mapping[int, type[ApiError]] = {
    401: Unauthenticated,
    402: InsufficientCredit,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
}


def error_from_response(response: httpx.Response, *, now: datetime) -> ReplicateError | None:
    """Return the error that a response stands for, None for a success. Its body has been read."""
    status = response.status_code
    if response.is_success:
        return None
    if status >= 500 or status in (408, 425):
        message = f"Replicate answered {status} and not what was asked for."
        return NoAnswer(message, status=status, retry_after=_header_wait(response.headers, now))
    problem = _problem(response)
    title, detail = _words(problem.get("title")), _words(problem.get("detail"))
    if response.is_redirect:
        title, detail = "Redirect", "The API's address sends us elsewhere, and the token goes nowhere else."
    if status == 429:
        wait = _wait(problem, detail, response.headers, now)
        return Throttled(status=status, title=title, detail=detail, retry_after=wait)
    if status == 422:
        return InvalidInput(status=status, title=title, detail=detail, fields=_fields(problem.get("invalid_fields")))
    return _KINDS.get(status, ApiError)(status=status, title=title, detail=detail or response.reason_phrase)


def retry_after(response: httpx.Response, *, now: datetime) -> float | None:
    """Return the seconds that the ``Retry-After`` header asks for, if it does."""
    return _header_wait(response.headers, now)


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _words(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return str(clean(text)).strip()[:_DETAIL_CHARS]


def _fields(value: Any) -> tuple[InvalidField, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        InvalidField(_words(entry.get("field")), _words(entry.get("type")), _words(entry.get("description")))
        for entry in entries
        if isinstance(entry, dict)
    )


def _wait(problem: Mapping[str, Any], detail: str, headers: httpx.Headers, now: datetime) -> float:
    told = problem.get("retry_after")
    if isinstance(told, int | float) and not isinstance(told, bool) and math.isfinite(told):
        return _bounded(told)
    in_header = _header_wait(headers, now)
    if in_header is not None:
        return in_header
    in_text = _RESETS_IN.search(detail)
    return _bounded(float(in_text[1])) if in_text else DEFAULT_RETRY_AFTER


def _header_wait(headers: httpx.Headers, now: datetime) -> float | None:
    told = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", told, re.ASCII):
        return _bounded(float(told))
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return _bounded((moment - now).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(float(seconds), 0.0), _LONGEST_RETRY_AFTER)


TRANSPORT_ERRORS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)
"""Everything that the transport raises when it has no response for us."""

_BEFORE_THE_FIRST_BYTE = (
    aiohttp.ClientConnectorError,  # refused, unresolved, TLS, proxy
    aiohttp.ConnectionTimeoutError,  # no connection in time, also none free in the pool
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
_BEFORE_THE_FIRST_BYTE_HTTPX = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


def error_from_exception(error: Exception, *, host: str) -> ReplicateError:
    """Return NotSent where surely nothing reached ``host``, else NoAnswer."""
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    if isinstance(cause, aiohttp.ClientError):
        unsent = isinstance(cause, _BEFORE_THE_FIRST_BYTE)
    else:
        unsent = isinstance(cause, _BEFORE_THE_FIRST_BYTE_HTTPX)
    if unsent:
        return NotSent(f"{host} could not be reached ({_plain(cause)}).")
    return NoAnswer(f"The connection to {host} was lost before an answer came ({_plain(cause)}).")


def _plain(error: BaseException) -> str:
    """Return what kind of failure it was, without its text: that may quote a URL."""
    return type(error).__name__
