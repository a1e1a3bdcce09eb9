"""What can go wrong between Replicate and us, told apart by what the caller may do next.

::

    ReplicateError
    ├── NotSent               nothing reached Replicate: refused, unresolved, no free connection. Safe to repeat
    ├── NoAnswer              it was sent and no usable answer came: reset, timeout, 5xx. It may have happened
    ├── BadAnswer             a 2xx whose body is not what the API promises; what it asked for was done
    ├── StreamLost            a prediction's stream cannot be had (any more); the prediction itself goes on
    ├── WebhookRefused        a delivery to us that is not to be believed
    │   ├── ForgedWebhook     not signed with the account's secret
    │   └── StaleWebhook      signed, but too long ago, or for a time to come
    └── ApiError              Replicate said no: status, title, detail
        ├── Unauthenticated   401: the token
        ├── InsufficientCredit  402: the account's credit
        ├── Forbidden         403
        ├── NotFound          404: unknown model, version, prediction, or file
        ├── TooLarge          413
        ├── InvalidInput      422: carries ``fields``
        └── Throttled         429: carries ``retry_after``, in seconds
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx

from bot.backends.replicate.types import clean


class ReplicateError(Exception):
    """Something went wrong at Replicate's boundary."""


class NotSent(ReplicateError):
    """The request did not reach Replicate; sending it again cannot do anything twice."""


class NoResponse(ReplicateError):
    """The request left and no usable answer came; what it asked for may have been done.

    ``status`` is there when something answered (a 5xx, perhaps as HTML), ``retry_after`` when that named a wait.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class InvalidResponse(ReplicateError):
    """Replicate answered with something that is not what its API promises."""


class StreamLost(ReplicateError):
    """A stream cannot be had (any more); ``status`` is the answer that said so, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WebhookRejected(ReplicateError):
    """A delivery that is not to be believed."""


class ForgedWebhook(WebhookRejected):
    """It is not signed with the account's webhook secret."""


class StaleWebhook(WebhookRejected):
    """Its timestamp is too far from now, so it may be an old delivery played back."""


class ApiError(ReplicateError):
    """Replicate understood and said no."""

    def __init__(self, *, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}" if title else f"{status} {detail}")
        self.status = status
        self.title = title
        self.detail = detail


class Unauthenticated(ApiError):
    """The token is missing, wrong or revoked."""


class InsufficientCredit(ApiError):
    """The account has no credit left for this."""


class Forbidden(ApiError):
    """The account may not do this."""


class NotFound(ApiError):
    """There is no such thing, or this account may not see it."""


class TooLarge(ApiError):
    """The file is larger than Replicate takes."""


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One input that the model's schema refuses. ``field`` is "input.<name>", or "input" for a missing one."""

    field: str
    type: str
    description: str


class InvalidInput(ApiError):
    """The input or the version does not fit; ``fields`` says where, when Replicate told."""

    def __init__(self, *, status: int, title: str, detail: str, fields: tuple[InvalidField, ...] = ()) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.fields = fields


class Throttled(ApiError):
    """Too many requests; ``retry_after`` seconds from now it may work again."""

    def __init__(self, *, status: int, title: str, detail: str, retry_after: float) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.retry_after = retry_after


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
        return NoResponse(message, status=status, retry_after=_header_wait(response.headers, now))
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
    return NoResponse(f"The connection to {host} was lost before an answer came ({_plain(cause)}).")


def _plain(error: BaseException) -> str:
    """Return what kind of failure it was, without its text: that may quote a URL."""
    return type(error).__name__
