"""Failures: an exception of the HTTP library, as what it means for the request.

What matters is whether a byte of the request may have reached Replicate. The httpx-aiohttp transport calls every lost
connection a connect timeout, also one that was lost after the request left; so the exception beneath decides, and
only what surely happened before the first byte counts as not sent.
"""

import aiohttp
import httpx

from bot.replicate.errors import NoAnswer, NotSent, ReplicateError

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


def unanswered(error: Exception, *, host: str) -> ReplicateError:
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
