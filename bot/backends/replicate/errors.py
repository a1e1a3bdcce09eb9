"""The errors of this package, by what the caller may do next, and the rules that make them of HTTP failures.

::

    ReplicateError
    ├── NotSent               the request did not reach Replicate: refused, unresolved, no connection. Safe to resend
    ├── NoResponse            sent, but no usable response: reset, timeout, 5xx. It may have been carried out
    ├── InvalidResponse       a 2xx whose body is not what the API promises. It was carried out
    │   └── ResponseTooLarge  its body is larger than this bot reads
    ├── StreamLost            a prediction's stream cannot be read (any more); the prediction itself goes on
    ├── WebhookRejected       a webhook delivery that is not authentic
    │   ├── ForgedWebhook     not signed with the account's secret
    │   └── StaleWebhook      signed, but its timestamp is too far from now
    └── ApiError              Replicate refused: status, title, detail
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
from typing import Any, Final

import aiohttp
import httpx

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


class ReplicateError(Exception):
    """A request to Replicate, a stream or a webhook failed."""


class NotSent(ReplicateError):
    """The request did not reach Replicate; sending it again cannot do anything twice."""


class NoResponse(ReplicateError):
    """The request was sent and no usable response came; it may have been carried out.

    ``status`` is that of a 5xx, None where there was no response at all. ``retry_after`` is in seconds, if stated.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class InvalidResponse(ReplicateError):
    """Replicate's response is not what its API promises."""


class ResponseTooLarge(InvalidResponse):
    """Replicate's response is larger than this bot reads, and will be so again."""


class StreamLost(ReplicateError):
    """A stream cannot be read (any more); ``status`` is the response that ended it, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class WebhookRejected(ReplicateError):
    """A webhook delivery is not authentic."""


class ForgedWebhook(WebhookRejected):
    """The delivery is not signed with the account's webhook secret."""


class StaleWebhook(WebhookRejected):
    """The delivery's timestamp is too far from now, so it may be a replay."""


class ApiError(ReplicateError):
    """Replicate refused the request."""

    def __init__(self, *, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}" if title else f"{status} {detail}")
        self.status = status
        self.title = title
        self.detail = detail


class Unauthenticated(ApiError):
    """The token is missing, wrong or revoked."""


class InsufficientCredit(ApiError):
    """The account does not have enough credit."""


class Forbidden(ApiError):
    """The account is not allowed to do this."""


class NotFound(ApiError):
    """The resource does not exist, or the account has no access to it."""


class TooLarge(ApiError):
    """The file is larger than Replicate accepts."""


@dataclass(frozen=True, slots=True)
class InvalidField:
    """An input that the model's schema rejects. ``field`` is "input.<name>", or "input" for a missing one."""

    field: str
    type: str
    description: str


class InvalidInput(ApiError):
    """The input or the version is invalid; ``fields`` names the inputs where Replicate does."""

    def __init__(self, *, status: int, title: str, detail: str, fields: tuple[InvalidField, ...] = ()) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.fields = fields


class Throttled(ApiError):
    """Too many requests; the next may be sent in ``retry_after`` seconds."""

    def __init__(self, *, status: int, title: str, detail: str, retry_after: float) -> None:
        super().__init__(status=status, title=title, detail=detail)
        self.retry_after = retry_after


_ERRORS_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthenticated,
    402: InsufficientCredit,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
}


def error_from_response(response: httpx.Response, *, now: datetime) -> ReplicateError | None:
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


def error_from_exception(error: Exception, *, request: httpx.Request) -> ReplicateError:
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
