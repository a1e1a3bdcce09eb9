"""Download files from allowed hosts to disk, with bounds on size, time and redirects."""

import asyncio
import re
import zlib
from collections.abc import Collection, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from bot.aio import backoff_delay, no_jitter
from bot.clock import Clock
from bot.language import _
from bot.media.types import HEAD_BYTES, MediaType, sniff
from bot.observability.metrics import Metrics
from bot.outputs.allowed_hosts import AllowedHosts, Resolver
from bot.outputs.data_uri import decode_data_uri, is_data_uri
from bot.outputs.errors import (
    AccessDenied,
    AddressNotAllowed,
    DiskError,
    FileCorrupt,
    FileGone,
    FileTooLarge,
    HostUnreachable,
)
from bot.outputs.spool import DiskQuota, SpoolFile

_MAX_ATTEMPTS: Final = 7  # half a minute in all; the link of a file that is given up expires within the hour
_INITIAL_DELAY: Final = 0.5
_MAX_DELAY: Final = 16.0
_MAX_REDIRECTS: Final = 5
_DEADLINE: Final = 600.0  # seconds for one file
_TIMEOUT: Final = httpx.Timeout(connect=10, read=30, write=10, pool=60)
_RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})  # of the 4xx; every 5xx is retried
# httpx's errors, and those of its aiohttp transport that it does not translate.
_NETWORK_ERRORS: Final = (httpx.TransportError, aiohttp.ClientError, TimeoutError)

_SIZE: Final = re.compile(r"[0-9]{1,18}")
_WRITE_BYTES: Final = 256 * 1024  # written at once, in a thread
_INFLATE_CHUNK_BYTES: Final = 64 * 1024  # decompressed at once, whatever the ratio
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32

_CORRUPT: Final = _("The file is compressed in a way that can't be read.")


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A complete file on disk. ``source_name`` is its name at the source, if it had one."""

    path: Path
    size: int
    type: MediaType
    source_name: str | None


class Decompressor:
    """Decompress a response body with bounded memory.

    Supports ``gzip`` and ``deflate``, which file stores apply unasked. Raises FileCorrupt for any other encoding and
    for invalid data.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FileCorrupt(_CORRUPT)
        self._is_identity = name in ("", "identity")
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data, in chunks of at most 64 KiB unless the encoding is the identity."""
        if self._is_identity:
            yield data
            return
        while data:
            if self._inflater.eof:  # the next member of a gzip file begins
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                chunk = self._inflater.decompress(data, _INFLATE_CHUNK_BYTES)
            except zlib.error as error:
                raise FileCorrupt(_CORRUPT) from error
            yield chunk
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if not chunk and not data:
                return

    @property
    def complete(self) -> bool:
        """Whether the compressed data ended where it should."""
        return self._is_identity or self._inflater.eof


class Downloader:
    """Download files without tokens or cookies.

    Bodies are written to disk as they arrive, up to ``max_bytes`` and within ``quota``; only complete files get their
    name. Each redirect has to be allowed like the first URL. ``any_public``: every public host is allowed, not only
    ``hosts``.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        hosts: Collection[str],
        max_bytes: int,
        quota: DiskQuota,
        clock: Clock,
        metrics: Metrics,
        any_public: bool = False,
        resolver: Resolver | None = None,
    ) -> None:
        self._http = http
        self._quota = quota
        self._hosts = AllowedHosts(hosts, any_public=any_public, resolver=resolver)
        self._max_bytes = max_bytes
        self._clock = clock
        self._metrics = metrics

    async def download(self, url: str, path: Path) -> DownloadedFile:
        """Write the file at ``url`` (http, https or data) to ``path``. Raises DownloadError."""
        try:
            if is_data_uri(url):
                await asyncio.to_thread(_save_data_uri, url, path, self._quota, self._max_bytes)
            else:
                await self._download(_parse_url(url), path)
            return await asyncio.to_thread(inspect_file, path, source_name(url))
        except OSError as error:
            raise DiskError from error

    async def _download(self, url: httpx.URL, path: Path) -> None:
        deadline = self._clock.monotonic() + _DEADLINE

        def is_last_attempt(state: RetryCallState) -> bool:
            return (
                stop_after_attempt(_MAX_ATTEMPTS)(state) or self._clock.monotonic() + state.upcoming_sleep >= deadline
            )

        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            stop=is_last_attempt,
            retry=retry_if_exception_type((HostUnreachable, *_NETWORK_ERRORS)),
            wait=_retry_delay,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    await self._attempt(url, path, number=attempt.retry_state.attempt_number, deadline=deadline)
        except _NETWORK_ERRORS as error:
            raise HostUnreachable(_("The file's host didn't send it, even after several attempts.")) from error

    async def _attempt(self, url: httpx.URL, path: Path, *, number: int, deadline: float) -> None:
        for _redirect in range(_MAX_REDIRECTS + 1):
            addresses = await self._hosts.resolve(url)  # connect to one of these; the name is not resolved again
            request = httpx.Request(
                "GET",
                url.copy_with(host=addresses[(number - 1) % len(addresses)]),
                headers={"Host": url.netloc.decode("ascii"), "Accept": "*/*", "Accept-Encoding": "identity"},
                extensions={"timeout": _TIMEOUT.as_dict(), "sni_hostname": url.host if url.scheme == "https" else None},
            )
            sending = self._http.send(request, stream=True, auth=None, follow_redirects=False)
            async with aclosing(await sending) as response:
                if not response.has_redirect_location:
                    _check_status(response.status_code)
                    await self._save(response, path, deadline=deadline)
                    return
                url = _parse_url(response.headers["location"], base=url)
        raise AddressNotAllowed(_("The file's host redirects too many times."))

    async def _save(self, response: httpx.Response, path: Path, *, deadline: float) -> None:
        declared_size = response.headers.get("content-length", "")
        if _SIZE.fullmatch(declared_size) and int(declared_size) > self._max_bytes:
            raise FileTooLarge
        decompressor = Decompressor(response.headers.get("content-encoding", ""))
        file = SpoolFile(path, self._quota)
        pending: list[bytes] = []
        size = 0
        try:
            async for chunk in response.aiter_raw():
                self._metrics.output_downloaded(len(chunk))
                pending.append(chunk)
                size += len(chunk)
                if size >= _WRITE_BYTES:
                    await asyncio.to_thread(self._write, file, decompressor, b"".join(pending))
                    pending, size = [], 0
                if self._clock.monotonic() > deadline:
                    raise HostUnreachable(_("The file's host sent it too slowly."))
            await asyncio.to_thread(self._write, file, decompressor, b"".join(pending))
            if not decompressor.complete:
                raise HostUnreachable(_("The file's host didn't send all of it."))
            await asyncio.to_thread(file.commit)
        finally:
            await asyncio.to_thread(file.close)

    def _write(self, file: SpoolFile, decompressor: Decompressor, data: bytes) -> None:
        """Write a part of a body to disk, decompressed. It blocks: call it in a thread."""
        for piece in decompressor.feed(data):
            file.write(piece)
            if file.size > self._max_bytes:
                raise FileTooLarge


def _save_data_uri(url: str, path: Path, quota: DiskQuota, max_bytes: int) -> None:
    with SpoolFile(path, quota) as file:
        for data in decode_data_uri(url, max_bytes=max_bytes):
            file.write(data)
        file.commit()


def inspect_file(path: Path, name: str | None) -> DownloadedFile:
    """Return the file at ``path``, with its type sniffed from its bytes. Raises FileNotFoundError."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return DownloadedFile(path=path, size=path.stat().st_size, type=sniff(head), source_name=name)


def source_name(url: str) -> str | None:
    """Return the last segment of the URL's path, or None if there is none."""
    if is_data_uri(url):
        return None
    try:
        return PurePosixPath(unquote(urlsplit(url).path)).name or None
    except ValueError:
        return None


def _retry_delay(state: RetryCallState) -> float:
    return backoff_delay(state.attempt_number, initial=_INITIAL_DELAY, maximum=_MAX_DELAY, jitter=no_jitter)


def _parse_url(url: str, *, base: httpx.URL | None = None) -> httpx.URL:
    try:
        parsed = httpx.URL(url) if base is None else base.join(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressNotAllowed(_("The file's address can't be read.")) from error
    if parsed.scheme not in ("http", "https"):
        raise AddressNotAllowed(_("The file's address isn't a plain web address."))
    return parsed


def _check_status(status: int) -> None:
    """Raise the error for a status other than 200."""
    if status == httpx.codes.OK:
        return
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise FileGone(_("The file is gone: files are kept for an hour."))
    if status >= 500 or status in _RETRYABLE_STATUSES:
        raise HostUnreachable(_("The file's host responded with an error ({status}).").format(status=status))
    raise AccessDenied(_("The file's host refused to send it ({status}).").format(status=status))
