"""One request to Replicate's HTTP API and its response: authorization, retries, rate limit headers, pages of lists."""

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from bot.aio import Jitter, backoff_delay, random_jitter
from bot.backends.backend import CreateAllowance
from bot.backends.errors import (
    ApiError,
    BackendError,
    InvalidResponse,
    NoResponse,
    NotSent,
    ResponseTooLarge,
    Throttled,
)
from bot.backends.replicate.errors import TRANSPORT_ERRORS, error_from_exception, error_from_response
from bot.clock import Clock
from bot.large_json import InvalidJson, read_object
from bot.limits import INLINE_JSON_BYTES, RESPONSE_BYTES
from bot.observability.metrics import Metrics
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy

log = structlog.get_logger(__name__)

MAX_ATTEMPTS: Final = 4
_MAX_RETRY_AFTER: Final = 30.0  # seconds; a longer wait is left to the caller, who has better things to do meanwhile
_INITIAL_DELAY: Final = 0.5
_MAX_DELAY: Final = 8.0

# Connecting takes two round trips and a handshake. Reading: Replicate's own clients allow 30 s. On this transport the
# pool's limit includes connecting, so it is the larger one.
TIMEOUT: Final = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=15.0)

_NO_SUCH_PATH: Final = (404, 405)
_VERSION: Final = "v1"
_VERSION_SEGMENT: Final = re.compile(r"v\d+", re.ASCII)
_BODY_CHUNK_BYTES: Final = 64 * 1024
_ERROR_BYTES: Final = 64 * 1024  # of an error's body
_BODY_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})  # not of a body read
_PARSE_SECONDS: Final = 20.0  # of processor time; a response of the largest size takes a few


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a multipart request."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request before it is sent.

    ``operation`` is its name in metrics ("predictions.create"). ``path`` is made by ``resource_path``, ``params`` is
    the query as a mapping or as it stands in a URL. ``read_timeout`` is in seconds. ``has_create_allowance`` says that
    the response's rate limit headers are about creates.
    """

    operation: str
    method: str
    path: str
    params: Mapping[str, str] | str | None = None
    body: bytes | None = None
    content_type: str = "application/json"
    upload: Upload | None = None
    headers: Mapping[str, str] | None = None
    read_timeout: float = TIMEOUT.read or 0
    has_create_allowance: bool = False
    large: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


class ApiClient:
    """Replicate's API at one origin, with the token of one account.

    Where ``base_url`` leaves open whether the API's version belongs behind it, the first response other than "no such
    path" decides. Such a response also proves that nothing was carried out, so even a create may be sent once more.

    ``create_allowance`` is the rate limit in the latest response to a create, None before the first. Large responses
    are parsed in ``workers``, without them at once.
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
        workers: WorkerPool | None = None,
    ) -> None:
        self._http = http
        self._workers = workers
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self.create_allowance: CreateAllowance | None = None
        self._authorization = f"Bearer {token}"
        self._roots = api_roots(base_url)

    def __repr__(self) -> str:
        return f"ApiClient({self._roots[0]!r})"

    async def send(self, request: ApiRequest) -> httpx.Response:
        """Have the request carried out once at most; return a successful response, else raise a BackendError.

        An exception that nobody expected is a NoResponse: only what is known to prove that nothing left this machine
        is NotSent.
        """
        roots = self._roots
        refused: ApiError | None = None
        for root in roots:
            try:
                response = await self._send_to(root, request)
            except ApiError as error:
                if error.status in _NO_SUCH_PATH and len(roots) > 1:
                    refused = refused or error
                    continue
                self._roots = (root,)
                raise
            self._roots = (root,)
            return response
        raise refused or RuntimeError("An API has at least one address.")

    async def _send_to(self, root: str, request: ApiRequest) -> httpx.Response:
        http_request = self._build(root, request)
        if self._http.is_closed:
            raise NotSent("The bot is shutting down; no more requests are sent to Replicate.")
        started_at = self._clock.monotonic()
        try:
            response = await self._exchange(http_request)
        except ResponseTooLarge:
            elapsed = self._clock.monotonic() - started_at
            self._metrics.replicate_request_finished(request.operation, "too_large", elapsed)
            raise
        except Exception as cause:
            error = error_from_exception(cause, request=http_request)
            outcome = "not_sent" if isinstance(error, NotSent) else "no_answer"
            elapsed = self._clock.monotonic() - started_at
            self._metrics.replicate_request_finished(request.operation, outcome, elapsed)
            if not isinstance(cause, TRANSPORT_ERRORS):
                log.exception("replicate_request_failed", operation=request.operation)
            raise error from cause
        try:
            return self._accept(request, response, self._clock.monotonic() - started_at)
        except BackendError:
            raise
        except Exception as cause:
            log.exception("replicate_response_failed", operation=request.operation)
            raise InvalidResponse("Replicate's response could not be read.") from cause

    async def _exchange(self, http_request: httpx.Request) -> httpx.Response:
        """Send the request and read its response, up to a bound; of an error's body, only its beginning."""
        response = await self._http.send(http_request, stream=True, auth=None, follow_redirects=False)
        try:
            bound = RESPONSE_BYTES if response.is_success else _ERROR_BYTES
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > bound:
                    if response.is_success:
                        raise ResponseTooLarge("Replicate's response is larger than this bot reads.")
                    break
        finally:
            await response.aclose()
            response.stream = httpx.ByteStream(b"")  # breaks the reference cycle of stream and response
        headers = {name: value for name, value in response.headers.items() if name not in _BODY_HEADERS}
        return httpx.Response(response.status_code, headers=headers, content=b"".join(chunks), request=http_request)

    def _accept(self, request: ApiRequest, response: httpx.Response, elapsed: float) -> httpx.Response:
        """Return a successful response; raise the error that any other one stands for."""
        self._metrics.replicate_request_finished(request.operation, str(response.status_code), elapsed)
        now = self._clock.now()
        if request.has_create_allowance:
            allowance = CreateAllowance.from_headers(response.headers, now=now.timestamp())
            self.create_allowance = allowance or self.create_allowance
        refusal = error_from_response(response, now=now)
        if refusal is not None:
            raise refusal
        return response

    async def request_object(self, request: ApiRequest) -> dict[str, Any]:
        """Send an idempotent request and return the JSON object in its response; see ``request_content``."""
        return await self.read_object(await self.request_content(request), request)

    async def request_content(self, request: ApiRequest) -> bytes:
        """Send an idempotent request and return the body of its response.

        It is sent up to MAX_ATTEMPTS times, with backoff that honours ``Retry-After``.
        """
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(MAX_ATTEMPTS),
            retry=retry_if_exception(self._is_retryable),
            wait=self._retry_delay,
            reraise=True,
        )
        response: httpx.Response = await retrying(self.send, request)
        return response.content

    async def read_object(self, body: bytes, request: ApiRequest) -> dict[str, Any]:
        """Return the JSON object in a response's body; raise InvalidResponse if there is none.

        A large one is parsed in a worker process. ResponseTooLarge if even there it takes too much time or memory.
        """
        owner = zlib.crc32(request.path.encode())  # no user's id is that small: each prediction takes its own turn
        try:
            if self._workers is None or len(body) <= INLINE_JSON_BYTES:
                return read_object(body, request.large, request.lists)
            members: dict[str, Any] = await self._workers.run(
                read_object, body, request.large, request.lists, owner=owner, seconds=_PARSE_SECONDS
            )
        except InvalidJson as error:
            raise InvalidResponse("Replicate's response is not a JSON object.") from error
        except WorkersBusy as error:
            raise InvalidResponse("Replicate's response is large, and could not be parsed yet.") from error
        except WorkTooHeavy as error:
            raise ResponseTooLarge("Replicate's response takes too long to parse.") from error
        except Exception as error:  # the machine may have no process left; the request was carried out
            log.exception("replicate_response_failed", operation=request.operation)
            raise InvalidResponse("Replicate's response could not be read.") from error
        return members

    async def list_items(
        self, operation: str, path: str, params: Mapping[str, str] | None = None, *, large: tuple[str, ...] = ()
    ) -> AsyncIterator[Any]:
        """Yield the items of a list; each page is requested when the one before is used up.

        A page's ``next`` names Replicate's own host, also where the bot talks to a gateway. It is followed at this
        client's address, with the query that it has; InvalidResponse if it is no page of this list. ``large`` are the
        members of the items that may be any JSON.
        """
        query: Mapping[str, str] | str | None = params
        requested = {str(httpx.QueryParams(params or {}))}
        while True:
            request = ApiRequest(
                operation=operation, method="GET", path=path, params=query, large=large, lists=("results",)
            )
            page = await self.request_object(request)
            results = page.get("results")
            if not isinstance(results, list):
                raise InvalidResponse("Replicate sent a list without results.")
            for item in results:
                yield item
            next_url = page.get("next")
            if not next_url:
                return
            query = _query_of_page(str(next_url), path)
            if query in requested:  # it would go round in circles
                return
            requested.add(query)

    def _is_retryable(self, error: BaseException) -> bool:
        return (
            isinstance(error, (NotSent, NoResponse, Throttled))
            and _retry_after(error) <= _MAX_RETRY_AFTER
            and not self._http.is_closed
        )

    def _retry_delay(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        backoff = backoff_delay(state.attempt_number, initial=_INITIAL_DELAY, maximum=_MAX_DELAY, jitter=self._jitter)
        return max(_retry_after(error), backoff)

    def _build(self, root: str, request: ApiRequest) -> httpx.Request:
        timeout = httpx.Timeout(
            connect=TIMEOUT.connect, read=request.read_timeout, write=TIMEOUT.write, pool=TIMEOUT.pool
        )
        headers = {"Accept": "application/json", **(request.headers or {})}
        content: bytes | AsyncIterator[bytes] | None = request.body
        if request.body is not None:
            headers["Content-Type"] = request.content_type
            headers["Content-Length"] = str(len(request.body))
            content = request.body if len(request.body) <= _BODY_CHUNK_BYTES else _chunks(request.body)
        files = None
        if request.upload is not None:
            upload = request.upload
            files = {"content": (upload.name, BytesIO(upload.data), upload.content_type)}
        built = self._http.build_request(
            request.method,
            f"{root}/{request.path}",
            params=httpx.QueryParams(request.params) if request.params else None,
            content=content,
            files=files,
            headers=headers,
            timeout=timeout,
        )
        built.headers["Authorization"] = self._authorization
        return built


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; raise InvalidResponse if there is none."""
    try:
        return read_object(body)
    except InvalidJson as error:
        raise InvalidResponse("Replicate's response is not a JSON object.") from error


def resource_path(*segments: str) -> str:
    """Return the path of a resource below the API's root. Segments are escaped: none leads to another resource."""
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError(f"{'/'.join(segments)!r} is not a path of the API.")
    return "/".join(quote(segment, safe="") for segment in segments)


def _query_of_page(next_url: str, path: str) -> str:
    """Return the query of the next page of the list at ``path``; InvalidResponse if the URL is no page of it."""
    try:
        url = httpx.URL(next_url)
    except httpx.InvalidURL as error:
        raise InvalidResponse("Replicate named a next page that is no URL.") from error
    if url.scheme not in ("https", "http") or not url.path.endswith(f"/{path}"):
        raise InvalidResponse("Replicate named a next page that does not belong to the list.")
    return str(url.params)


def _retry_after(error: BaseException | None) -> float:
    """Return the seconds that Replicate asks to wait before a retry, 0.0 if it does not say."""
    match error:
        case Throttled():
            return error.retry_after
        case NoResponse():
            return error.retry_after or 0.0
        case _:
            return 0.0


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """Yield a large body in chunks, so that the event loop runs other tasks in between."""
    for start in range(0, len(body), _BODY_CHUNK_BYTES):
        yield body[start : start + _BODY_CHUNK_BYTES]


def api_roots(base_url: str) -> tuple[str, ...]:
    """Return the URLs that the API's resources may be below, the likeliest first.

    There is one for a bare host (``/v1`` is added, as Replicate's own clients do) and for a path that ends in a
    version. Any other path may be a proxy's in front of ``/v1``, or a gateway's that stands in for ``https://host/v1``
    as a whole (Cloudflare's AI Gateway: ``/v1/<account>/<gateway>/replicate``).
    """
    base = base_url.rstrip("/")
    segments = [segment for segment in httpx.URL(base).path.split("/") if segment]
    if not segments:
        return (f"{base}/{_VERSION}",)
    if _VERSION_SEGMENT.fullmatch(segments[-1]):
        return (base,)
    versioned = any(_VERSION_SEGMENT.fullmatch(segment) for segment in segments)
    return (base, f"{base}/{_VERSION}") if versioned else (f"{base}/{_VERSION}", base)
