"""Download output files from allowed hosts to disk, with bounds on size, time and redirects."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Final, Self
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx

from bot.clock import Clock
from bot.media.sniff import HEAD_BYTES, sniff
from bot.media.types import MediaType
from bot.outputs.allowed_hosts import AllowedHosts, Resolve
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

_STEP: Final = 64 * 1024  # bytes handed out at once, however many a packed byte stands for
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_BROKEN: Final = "The file came packed in a way that cannot be undone."


class Decompressor:
    """Turns the bytes of one response body into the bytes they stand for.

    Knows ``gzip`` and ``deflate``, which stores put on files unasked; raises Damaged for every other encoding, and
    for bytes that are not what they claim.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FileCorrupt(_BROKEN)
        self._plain = name in ("", "identity")
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the bytes stand for, in pieces of at most 64 KiB when they are packed."""
        if self._plain:
            yield data
            return
        while data:
            if self._inflater.eof:  # one gzip member ended, the next begins
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                piece = self._inflater.decompress(data, _STEP)
            except zlib.error as error:
                raise FileCorrupt(_BROKEN) from error
            yield piece
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if not piece and not data:
                return

    @property
    def whole(self) -> bool:
        """Whether everything that was promised has come."""
        return self._plain or self._inflater.eof


PART_SUFFIX: Final = ".part"


class AtomicFile:
    """Bytes on their way to ``path``: kept beside it as ``.part`` until ``finish``, and thrown away without it.

    A process that is killed leaves only the ``.part``, which the next attempt overwrites.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._file: BinaryIO
        self.size = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        return self

    def write(self, data: bytes) -> None:
        """Add some bytes."""
        self._file.write(data)
        self.size += len(data)

    def finish(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._part.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one go, so that it is either whole or not there."""
    with AtomicFile(path) as part:
        part.write(data)
        part.finish()


_TRIES: Final = 7  # half a minute in all: what is given up here is a link that dies within the hour
_FIRST_PAUSE: Final = 0.5  # seconds; doubled after every try
_REDIRECTS: Final = 5
_PATIENCE: Final = 600.0  # seconds for one file; an hour after the run it is gone anyway
_TIMEOUT: Final = httpx.Timeout(connect=10, read=30, write=10, pool=60)
_AGAIN: Final = frozenset({408, 425, 429})  # of the 4xx; every 5xx is tried again too
# What the network raises: httpx's own errors, and those of its aiohttp transport that it does not translate.
_NETWORK: Final = (httpx.TransportError, aiohttp.ClientError, TimeoutError)


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A whole file on our disk. ``source_name`` is the name it had where it came from."""

    path: Path
    size: int
    type: MediaType
    source_name: str | None


class Downloader:
    """Fetches files; nothing of ours travels along: no token, no cookie.

    A body goes to the disk as it comes, cut off at ``max_bytes``. A file is under its name only when it is whole.
    Redirects are followed by hand, each to be allowed anew. ``on_bytes`` hears of every stretch that arrived.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        hosts: Collection[str],
        max_bytes: int,
        clock: Clock,
        resolve: Resolve | None = None,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._http = http
        self._hosts = AllowedHosts(hosts, resolve=resolve)
        self._max_bytes = max_bytes
        self._clock = clock
        self._on_bytes = on_bytes

    async def fetch(self, url: str, into: Path) -> DownloadedFile:
        """Bring the file at ``url`` (http, https or data) to the path ``into``. Raises FetchError."""
        try:
            if is_data_uri(url):
                data = await asyncio.to_thread(decode_data_uri, url, max_bytes=self._max_bytes)
                await asyncio.to_thread(write_whole, into, data)
            else:
                await self._download(_parse(url), into)
            return await asyncio.to_thread(sniff_file, into, source_name(url))
        except OSError as error:
            raise DiskError("The bot's own disk did not take the file; its owner should look at it.") from error

    async def _download(self, url: httpx.URL, into: Path) -> None:
        deadline = self._clock.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._attempt(url, into, number=attempt, deadline=deadline)
            except (HostUnreachable, *_NETWORK) as error:
                if attempt == _TRIES or self._clock.monotonic() + pause >= deadline:
                    if isinstance(error, HostUnreachable):
                        raise
                    raise HostUnreachable(
                        "The file's host did not hand it over, although it was asked often."
                    ) from error
            await self._clock.sleep(pause)
            pause *= 2
        return None

    async def _attempt(self, url: httpx.URL, into: Path, *, number: int, deadline: float) -> None:
        for _ in range(_REDIRECTS + 1):
            async with self._open(url, number=number) as response:
                if not response.has_redirect_location:
                    _check_status(response.status_code)
                    return await self._store(response, into, deadline=deadline)
                url = _parse(response.headers["location"], base=url)
        raise AddressNotAllowed("The file's host sent us in circles.")

    @contextlib.asynccontextmanager
    async def _open(self, url: httpx.URL, *, number: int) -> AsyncIterator[httpx.Response]:
        """Open one response, at an address that was checked: the name is not resolved again on the way."""
        addresses = await self._hosts.addresses(url)
        request = httpx.Request(
            "GET",
            url.copy_with(host=addresses[(number - 1) % len(addresses)]),
            headers={"Host": url.netloc.decode("ascii"), "Accept": "*/*", "Accept-Encoding": "identity"},
            extensions={"timeout": _TIMEOUT.as_dict(), "sni_hostname": url.host if url.scheme == "https" else None},
        )
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            yield response
        finally:
            await response.aclose()

    async def _store(self, response: httpx.Response, into: Path, *, deadline: float) -> None:
        promised = response.headers.get("content-length", "")
        if promised.isdecimal() and int(promised) > self._max_bytes:
            raise FileTooLarge(_OVERSIZE)
        unpacker = Decompressor(response.headers.get("content-encoding", ""))
        with AtomicFile(into) as part:
            async for chunk in response.aiter_raw():
                self._on_bytes(len(chunk))
                for piece in unpacker.feed(chunk):
                    part.write(piece)
                    if part.size > self._max_bytes:
                        raise FileTooLarge(_OVERSIZE)
                if self._clock.monotonic() > deadline:
                    raise HostUnreachable("The file came too slowly to wait for.")
            if not unpacker.whole:
                raise HostUnreachable("The file ended in the middle.")
            part.finish()


_OVERSIZE: Final = "The file is larger than what this bot takes."


def sniff_file(path: Path, name: str | None) -> DownloadedFile:
    """Return what lies at ``path``, its type told from its bytes. Raises FileNotFoundError."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return DownloadedFile(path=path, size=path.stat().st_size, type=sniff(head), source_name=name)


def source_name(url: str) -> str | None:
    """Return the last part of the URL's path, if it has one."""
    if is_data_uri(url):
        return None
    try:
        return PurePosixPath(unquote(urlsplit(url).path)).name or None
    except ValueError:
        return None


def _parse(url: str, *, base: httpx.URL | None = None) -> httpx.URL:
    try:
        parsed = httpx.URL(url) if base is None else base.join(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressNotAllowed("The model gave an address that cannot be read.") from error
    if parsed.scheme not in ("http", "https"):
        raise AddressNotAllowed("The model gave an address that is not a plain web address, so it was not opened.")
    return parsed


def _check_status(status: int) -> None:
    """Raise for every status but 200: what is gone, what is denied, what may be tried again."""
    if status == httpx.codes.OK:
        return
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise FileGone("The file is gone: Replicate keeps files for an hour.")
    if status >= 500 or status in _AGAIN:
        raise HostUnreachable(f"The file's host answered with an error ({status}).")
    raise AccessDenied(f"The file's host does not hand it out ({status}).")
