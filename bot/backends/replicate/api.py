"""One request to Replicate's HTTP API and its answer, with retries and rate limits."""

import json
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

import httpx

from bot.backends.replicate.errors import (
    TRANSPORT_ERRORS,
    InvalidResponse,
    NoResponse,
    NotSent,
    ReplicateError,
    Throttled,
    error_from_exception,
    error_from_response,
)
from bot.clock import Clock
from bot.observability.metrics import Metrics

Jitter = Callable[[], float]
"""Gives a number from 0 to 1; handed in, so that a test knows it."""

random_jitter: Jitter = random.random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from ``first`` to ``longest`` seconds, each cut by up to half so that clients spread."""

    first: float
    longest: float

    def after(self, failures: int, jitter: Jitter) -> float:
        """Return the seconds to wait after so many failures in a row, counted from 1."""
        doublings = min(failures - 1, 30)
        return float(min(self.first * 2**doublings, self.longest) * (1 - jitter() / 2))


@dataclass(frozen=True, slots=True)
class CreateAllowance:
    """The state of a rate limit when it was told: ``remaining`` requests, and ``reset`` seconds until it refills."""

    remaining: int
    reset: float

    @classmethod
    def read(cls, headers: Mapping[str, str], *, now: float) -> "CreateAllowance | None":
        """Return what an answer's headers say, None where they say nothing; ``now`` is the Unix time."""
        try:
            remaining = int(headers.get("ratelimit-remaining", ""))
            reset = float(headers.get("ratelimit-reset", ""))
        except ValueError:
            return None
        if not math.isfinite(reset):
            return None
        if reset > _EPOCH_LIKE:  # some gateways count from 1970, not from now
            reset -= now
        return cls(max(remaining, 0), max(reset, 0.0))


_EPOCH_LIKE = 1_000_000_000


MAX_ATTEMPTS: Final = 4
LONGEST_WAIT: Final = 30.0  # asked to wait longer, the caller knows better what to do meanwhile
BACKOFF: Final = Backoff(first=0.5, longest=8.0)

# Connecting takes two round trips and a handshake. Reading: Replicate's own clients give 30 s. The pool's limit
# includes connecting on this transport, so it is the larger one.
TIMEOUT: Final = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=15.0)

_SLICE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a multipart request carries it."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request, before it is sent.

    ``operation`` names it for people who count ("predictions.create"). ``read`` is how many seconds the answer may
    take. ``tells_rate``: its answer carries the rate limit of creates.
    """

    operation: str
    method: str
    url: str
    params: Mapping[str, str] | None = None
    body: bytes | None = None
    content_type: str = "application/json"
    upload: Upload | None = None
    headers: Mapping[str, str] | None = None
    read: float = TIMEOUT.read or 0
    tells_rate: bool = False


class ApiClient:
    """Replicate's API at one origin, with one account's token.

    ``rate`` is the newest rate limit that an answer to a create told.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        token: str,
        base_url: str,
        clock: Clock,
        metrics: Metrics,
        jitter: Jitter = random_jitter,
    ) -> None:
        self._http = http
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self.rate: CreateAllowance | None = None
        self._authorization = f"Bearer {token}"
        self._base = httpx.URL(base_url.rstrip("/"))

    def __repr__(self) -> str:
        return f"Api({str(self._base)!r})"

    def url(self, *path: str) -> str:
        """Return the URL of a resource; each part of ``path`` is escaped, so that none can lead elsewhere."""
        if any(part in ("", ".", "..") for part in path):
            raise ValueError(f"{'/'.join(path)!r} is not a path of the API.")
        return f"{self._base}/v1/" + "/".join(quote(part, safe="") for part in path)

    async def once(self, ask: ApiRequest) -> httpx.Response:
        """Send it exactly once and return the success; anything else is raised as one of our errors."""
        request = self._request(ask)
        if self._http.is_closed:
            raise NotSent("The bot is closing; nothing more is sent to Replicate.")
        began = self._clock.monotonic()
        try:
            response = await self._http.send(request, auth=None, follow_redirects=False)
        except TRANSPORT_ERRORS as error:
            told = error_from_exception(error, host=request.url.host)
            self._note(ask, "not_sent" if isinstance(told, NotSent) else "no_answer", began)
            raise told from error
        response.stream = httpx.ByteStream(b"")  # it was read; the stream and the answer would hold each other
        self._note(ask, str(response.status_code), began)
        now = self._clock.now()
        if ask.tells_rate:
            self.rate = CreateAllowance.read(response.headers, now=now.timestamp()) or self.rate
        problem = error_from_response(response, now=now)
        if problem is not None:
            raise problem
        return response

    async def repeat(self, ask: ApiRequest) -> httpx.Response:
        """Send something that is harmless when repeated, up to ATTEMPTS times, with growing pauses."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self.once(ask)
            except (NotSent, NoResponse, Throttled) as error:
                asked = _asked_wait(error)
                if attempt == MAX_ATTEMPTS or asked > LONGEST_WAIT or self._http.is_closed:
                    raise
                pause = max(asked, BACKOFF.after(attempt, self._jitter))
            await self._clock.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def read(self, ask: ApiRequest) -> dict[str, Any]:
        """Like ``repeat``, and return the JSON object that came."""
        return decode_object((await self.repeat(ask)).content)

    async def items(self, operation: str, url: str, params: Mapping[str, str] | None = None) -> AsyncIterator[Any]:
        """Yield every item of a list, page after page as they are wanted."""
        ask: ApiRequest | None = ApiRequest(operation=operation, method="GET", url=url, params=params)
        while ask is not None:
            page = await self.read(ask)
            results = page.get("results")
            if not isinstance(results, list):
                raise InvalidResponse("Replicate sent a list without results.")
            for item in results:
                yield item
            following = page.get("next")
            if not following or following == ask.url:
                return
            ask = ApiRequest(operation=operation, method="GET", url=str(following))

    def _request(self, ask: ApiRequest) -> httpx.Request:
        timeout = httpx.Timeout(connect=TIMEOUT.connect, read=ask.read, write=TIMEOUT.write, pool=TIMEOUT.pool)
        headers = {"Accept": "application/json", **(ask.headers or {})}
        content: bytes | AsyncIterator[bytes] | None = ask.body
        if ask.body is not None:
            headers["Content-Type"] = ask.content_type
            headers["Content-Length"] = str(len(ask.body))
            content = ask.body if len(ask.body) <= _SLICE else _slices(ask.body)
        files = None
        if ask.upload is not None:
            files = {"content": (ask.upload.name, BytesIO(ask.upload.data), ask.upload.content_type)}
        if not self._is_ours(ask.url):
            raise InvalidResponse("Replicate named a URL outside its API; the token is not sent there.")
        request = self._http.build_request(
            ask.method, ask.url, params=ask.params, content=content, files=files, headers=headers, timeout=timeout
        )
        request.headers["Authorization"] = self._authorization
        return request

    def _is_ours(self, url: str) -> bool:
        try:
            return _origin(httpx.URL(url)) == _origin(self._base)
        except httpx.InvalidURL:
            return False

    def _note(self, ask: ApiRequest, outcome: str, began: float) -> None:
        self._metrics.replicate_request_finished(ask.operation, outcome, self._clock.monotonic() - began)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _asked_wait(error: ReplicateError) -> float:
    match error:
        case Throttled():
            return error.retry_after
        case NoResponse():
            return error.retry_after or 0.0
        case _:
            return 0.0


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    """Yield a large body bit by bit, so that the loop turns in between."""
    for start in range(0, len(body), _SLICE):
        yield body[start : start + _SLICE]


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; BadAnswer if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse("Replicate's response is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidResponse("Replicate's response is not a JSON object.")
    return value
