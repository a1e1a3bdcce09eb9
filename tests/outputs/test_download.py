"""Files are downloaded from allowed hosts only, completely or not at all, and without credentials."""

import asyncio
import base64
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.media import types
from bot.observability.metrics import Metrics
from bot.outputs.allowed_hosts import AllowedHosts, is_allowed_host
from bot.outputs.data_uri import decode_data_uri
from bot.outputs.download import Decompressor, Downloader
from bot.outputs.errors import (
    AccessDenied,
    AddressNotAllowed,
    DiskError,
    DownloadError,
    FileCorrupt,
    FileGone,
    FileTooLarge,
    HostUnreachable,
)
from bot.outputs.spool import DiskQuota
from tests.clock import VirtualClock, settle
from tests.outputs.file_host import FileHost

GIB = 1024**3
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
MakeDownloader = Callable[..., Downloader]


@pytest.fixture
def make_downloader(http: httpx.AsyncClient, clock: VirtualClock) -> MakeDownloader:
    def make(
        *hosts: str,
        max_bytes: int = 10_000_000,
        metrics: Metrics | None = None,
        quota: DiskQuota | None = None,
        **more: Any,
    ) -> Downloader:
        return Downloader(
            http,
            hosts=hosts or ["127.0.0.1"],
            max_bytes=max_bytes,
            quota=quota or DiskQuota(GIB),
            clock=clock,
            metrics=metrics or Metrics(process=False),
            **more,
        )

    return make


def resolver_of(*addresses: str) -> Callable[[str, int], Awaitable[tuple[str, ...]]]:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        assert host
        assert port
        return addresses

    return resolve


class RecordingMetrics(Metrics):
    """Metrics that keep the sizes of the chunks that arrived."""

    def __init__(self) -> None:
        super().__init__(process=False)
        self.chunks: list[int] = []
        self.arrived = asyncio.Event()

    def output_downloaded(self, count: int) -> None:
        super().output_downloaded(count)
        self.chunks.append(count)
        self.arrived.set()


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def run_through(work: Awaitable[object], clock: VirtualClock) -> object:
    """Advance the clock until the work is done."""
    task = asyncio.ensure_future(work)
    while not task.done():
        if clock.sleepers:
            await clock.advance(5)
        await asyncio.sleep(0.001)
    return await task


async def test_a_file_is_saved_with_its_type_and_name(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    url = host.serve("/xezq/abc/my%20picture.jpg", PNG) + "?signature=secret"
    host.handlers["/xezq/abc/my picture.jpg"] = host.handlers["/xezq/abc/my%20picture.jpg"]
    file = await make_downloader().download(url, tmp_path / "deep" / "file")
    assert (file.path.read_bytes(), file.size, file.type) == (PNG, len(PNG), types.PNG)
    assert file.source_name == "my picture.jpg"
    assert file_names(file.path.parent) == ["file"]


async def test_no_credentials_are_sent(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    await make_downloader().download(host.serve("/f", PNG), tmp_path / "f")
    headers = host.requests[0].headers
    assert not {"Authorization", "Cookie", "X-Token"} & set(headers)


async def test_bytes_are_counted_as_they_arrive(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    metrics = RecordingMetrics()
    await make_downloader(metrics=metrics).download(host.serve("/f", bytes(300_000)), tmp_path / "f")
    assert sum(metrics.chunks) == 300_000
    assert max(metrics.chunks) < 100_000


async def test_a_redirect_to_an_allowed_host_is_followed(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    host.serve("/new", PNG)
    url = host.serve("/old", status=302, headers={"Location": "/new"})
    assert (await make_downloader().download(url, tmp_path / "f")).size == len(PNG)


@pytest.mark.parametrize("target", ["http://127.0.0.2:{port}/f", "file:///etc/passwd", "http://[", "ftp://127.0.0.1/f"])
async def test_a_redirect_to_any_other_host_is_refused(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, target: str
) -> None:
    url = host.serve("/old", status=307, headers={"Location": target.format(port=host.port)})
    with pytest.raises(AddressNotAllowed):
        await make_downloader().download(url, tmp_path / "f")
    assert len(host.requests) == 1


async def test_a_redirect_loop_ends(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    url = host.serve("/round", status=301, headers={"Location": "/round"})
    with pytest.raises(AddressNotAllowed, match="too many"):
        await make_downloader().download(url, tmp_path / "f")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.example.com/f.png",
        "https://replicate.delivery.example.com/f.png",
        "https://notreplicate.delivery/f.png",
        "https://user:pass@replicate.delivery/f.png",
        "ftp://replicate.delivery/f.png",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "not an address",
        "http://[::1",
        "https://replicate.delivery:99999/f.png",
    ],
)
async def test_only_plain_urls_on_allowed_hosts_are_opened(
    make_downloader: MakeDownloader, tmp_path: Path, url: str
) -> None:
    with pytest.raises(AddressNotAllowed) as refusal:
        await make_downloader("replicate.delivery").download(url, tmp_path / "f")
    assert refusal.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "::", "0.0.0.1",
        "nonsense",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["replicate.delivery", "pbxt.replicate.delivery", "files.example.com"])
async def test_a_name_that_resolves_to_a_private_ip_is_refused(address: str, name: str) -> None:
    hosts = AllowedHosts(["replicate.delivery", "example.com"], resolver=resolver_of(address))
    with pytest.raises(AddressNotAllowed, match="private"):
        await hosts.resolve(httpx.URL(f"https://{name}/f"))


async def test_only_public_addresses_of_a_name_are_used() -> None:
    hosts = AllowedHosts(["example.com"], resolver=resolver_of("10.0.0.1", "93.184.216.34", "2606:2800:21f::1"))
    found = await hosts.resolve(httpx.URL("https://files.example.com/f"))
    assert found == ("93.184.216.34", "2606:2800:21f::1")


async def test_an_unresolved_name_is_unreachable() -> None:
    async def resolve(_: str, __: int) -> tuple[str, ...]:
        raise OSError("no such host")

    with pytest.raises(HostUnreachable):
        await AllowedHosts(["example.com"], resolver=resolve).resolve(httpx.URL("https://example.com/f"))


async def test_a_name_that_cannot_be_encoded_is_unreachable() -> None:
    with pytest.raises(HostUnreachable):
        await AllowedHosts(["example.com"]).resolve(httpx.URL(f"https://{'a' * 70}.example.com/f"))


async def test_the_connection_uses_the_checked_address(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    host.serve("/f", PNG)
    asked: list[str] = []

    async def resolve(name: str, _: int) -> tuple[str, ...]:
        asked.append(name)
        return ("127.0.0.1",)

    await make_downloader("storage.test", resolver=resolve).download(host.url("/f", "storage.test"), tmp_path / "f")
    assert asked == ["storage.test"]
    assert host.requests[0].headers["Host"] == f"storage.test:{host.port}"


async def test_tls_verifies_the_name_at_the_checked_address(clock: VirtualClock, tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    async def body() -> AsyncIterator[bytes]:
        yield PNG

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=body())

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    downloader = Downloader(
        http,
        hosts=["replicate.delivery"],
        max_bytes=1000,
        quota=DiskQuota(GIB),
        clock=clock,
        metrics=Metrics(process=False),
        resolver=resolver_of("2606:2800:21f::1"),
    )
    await downloader.download("https://pbxt.replicate.delivery/f", tmp_path / "f")
    assert seen[0].url.host == "2606:2800:21f::1"
    assert seen[0].headers["Host"] == "pbxt.replicate.delivery"
    assert seen[0].extensions["sni_hostname"] == "pbxt.replicate.delivery"


async def test_an_allowed_host_may_have_a_port(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    url = host.serve("/f", PNG)
    await make_downloader(f"127.0.0.1:{host.port}").download(url, tmp_path / "f")
    with pytest.raises(AddressNotAllowed):
        await make_downloader("127.0.0.1:1").download(url, tmp_path / "f")


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://replicate.delivery/x", True),
        ("https://PBXT.Replicate.Delivery./x", True),
        ("https://xreplicate.delivery/x", False),
        ("http://[::1]:80/x", True),
        ("http://1.127.0.0.1/x", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_a_host_allows_itself_and_its_subdomains(*, url: str, covered: bool) -> None:
    assert is_allowed_host(url, ["replicate.delivery", "[::1]:80", "127.0.0.1"]) is covered


@pytest.mark.parametrize("status", [404, 410])
async def test_a_deleted_file_is_requested_once(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, status: int
) -> None:
    with pytest.raises(FileGone, match="an hour"):
        await make_downloader().download(host.serve("/f", status=status), tmp_path / "f")
    assert len(host.requests) == 1


async def test_a_denied_file_is_requested_once(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    with pytest.raises(AccessDenied, match="403"):
        await make_downloader().download(host.serve("/f", status=403), tmp_path / "f")
    assert len(host.requests) == 1


async def test_a_server_error_is_retried(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=PNG) if len(host.requests) == 3 else web.Response(status=502)

    host.handlers["/f"] = handle
    await run_through(make_downloader().download(host.url("/f"), tmp_path / "f"), clock)
    assert (tmp_path / "f").read_bytes() == PNG


async def test_an_outage_of_20_seconds_is_survived(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=PNG) if clock.monotonic() >= 20 else web.Response(status=503)

    host.handlers["/f"] = handle
    task = asyncio.ensure_future(make_downloader().download(host.url("/f"), tmp_path / "f"))
    while not task.done():
        if clock.sleepers:
            await clock.advance(0.25)
        await asyncio.sleep(0.001)
    assert (await task).path.read_bytes() == PNG
    assert clock.monotonic() < 60


async def test_a_host_that_stays_down_is_given_up(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    with pytest.raises(HostUnreachable, match="503"):
        await run_through(make_downloader().download(host.serve("/f", status=503), tmp_path / "f"), clock)
    assert len(host.requests) == 7
    assert file_names(tmp_path) == []


async def test_a_broken_connection_is_retried(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if len(host.requests) > 1:
            return web.Response(body=PNG)
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    host.handlers["/f"] = handle
    await run_through(make_downloader().download(host.url("/f"), tmp_path / "f"), clock)
    assert (tmp_path / "f").read_bytes() == PNG


async def test_a_refused_connection_is_unreachable(
    make_downloader: MakeDownloader, tmp_path: Path, clock: VirtualClock
) -> None:
    with pytest.raises(HostUnreachable) as failure:
        await run_through(make_downloader().download("http://127.0.0.1:9/f?signature=secret", tmp_path / "f"), clock)
    assert "secret" not in failure.value.sentence


async def test_a_declared_size_over_the_limit_is_not_read(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    metrics = RecordingMetrics()
    with pytest.raises(FileTooLarge):
        await make_downloader(max_bytes=1000, metrics=metrics).download(host.serve("/f", bytes(5000)), tmp_path / "f")
    assert metrics.chunks == []


async def test_an_endless_body_is_cut_off(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(10_000))

    host.handlers["/f"] = handle
    metrics = RecordingMetrics()
    with pytest.raises(FileTooLarge):
        await make_downloader(max_bytes=100_000, metrics=metrics).download(host.url("/f"), tmp_path / "f")
    assert sum(metrics.chunks) < 300_000
    assert file_names(tmp_path) == []


async def test_a_compressed_file_is_decompressed(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    packed = gzip.compress(PNG) + gzip.compress(b"more")
    await make_downloader().download(host.serve("/f", packed, headers={"Content-Encoding": "gzip"}), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == PNG + b"more"
    await make_downloader().download(
        host.serve("/g", zlib.compress(PNG), headers={"Content-Encoding": "deflate"}), tmp_path / "g"
    )
    assert (tmp_path / "g").read_bytes() == PNG


async def test_a_decompression_bomb_is_cut_off(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(FileTooLarge):
        await make_downloader(max_bytes=100_000).download(
            host.serve("/f", bomb, headers={"Content-Encoding": "gzip"}), tmp_path / "f"
        )
    assert file_names(tmp_path) == []


def test_decompression_yields_bounded_chunks() -> None:
    stretches = [len(piece) for piece in Decompressor("gzip").feed(gzip.compress(bytes(10_000_000)))]
    assert sum(stretches) == 10_000_000
    assert max(stretches) <= 64 * 1024


@pytest.mark.parametrize(("encoding", "body"), [("br", b"x"), ("gzip", b"no gzip"), ("gzip, gzip", b"x")])
async def test_an_invalid_encoding_raises_file_corrupt(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, encoding: str, body: bytes
) -> None:
    with pytest.raises(FileCorrupt):
        await make_downloader().download(host.serve("/f", body, headers={"Content-Encoding": encoding}), tmp_path / "f")


async def test_a_truncated_compressed_file_is_refused(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    half = gzip.compress(bytes(range(256)) * 40)[:-20]
    with pytest.raises(HostUnreachable, match="all of it"):
        await run_through(
            make_downloader().download(host.serve("/f", half, headers={"Content-Encoding": "gzip"}), tmp_path / "f"),
            clock,
        )


async def test_a_very_slow_body_is_given_up(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    next_chunk = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"drip")
            await next_chunk.wait()
            next_chunk.clear()

    host.handlers["/f"] = handle
    metrics = RecordingMetrics()
    task = asyncio.create_task(make_downloader(metrics=metrics).download(host.url("/f"), tmp_path / "f"))
    await metrics.arrived.wait()
    await clock.advance(601)
    next_chunk.set()
    with pytest.raises(HostUnreachable, match="slowly"):
        await asyncio.wait_for(task, 10)


async def test_a_leftover_part_file_is_overwritten(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    (tmp_path / "f.part").write_bytes(b"the beginning of something longer than what comes now" * 100)
    file = await make_downloader().download(host.serve("/f", PNG), tmp_path / "f")
    assert file.path.read_bytes() == PNG
    assert file_names(tmp_path) == ["f"]


async def test_a_cancelled_download_leaves_no_file(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some")
        begun.set()
        await asyncio.Event().wait()
        return response

    host.handlers["/f"] = handle
    task = asyncio.create_task(make_downloader().download(host.url("/f"), tmp_path / "f"))
    await begun.wait()
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert file_names(tmp_path) == []


async def test_a_write_error_raises_disk_error(make_downloader: MakeDownloader, host: FileHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError):
        await make_downloader().download(host.serve("/f", PNG), tmp_path / "file" / "inside")


async def test_a_data_uri_is_written_to_disk(make_downloader: MakeDownloader, tmp_path: Path) -> None:
    file = await make_downloader().download("data:image/png;base64," + base64.b64encode(PNG).decode(), tmp_path / "f")
    assert (file.path.read_bytes(), file.type, file.source_name) == (PNG, types.PNG, None)


@settings(deadline=None)
@given(data=st.binary(max_size=200), url_safe=st.booleans())
def test_base64_is_decoded_in_every_spelling(*, data: bytes, url_safe: bool) -> None:
    encoded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    for body in (encoded, encoded.rstrip("="), encoded.replace("=", "%3D"), encoded[:9] + "\r\n" + encoded[9:]):
        assert b"".join(decode_data_uri("data:application/octet-stream;base64," + body, max_bytes=200)) == data


def test_percent_encoding_is_decoded() -> None:
    assert b"".join(decode_data_uri("data:,Hello%2C%20World", max_bytes=100)) == b"Hello, World"
    assert b"".join(decode_data_uri("data:text/plain;charset=utf-8,hi", max_bytes=100)) == b"hi"


@pytest.mark.parametrize("uri", ["data:", "data:image/png;base64", "data:image/png;base64,!!!!", "data:;base64,A"])
def test_a_broken_data_uri_raises_file_corrupt(uri: str) -> None:
    with pytest.raises(FileCorrupt):
        list(decode_data_uri(uri, max_bytes=100))


@pytest.mark.parametrize("uri", ["data:;base64," + "A" * 5000, "data:," + "x" * 5000, "data:," + "x" * 150])
def test_a_large_data_uri_raises_file_too_large(uri: str) -> None:
    with pytest.raises(FileTooLarge):
        list(decode_data_uri(uri, max_bytes=100))


async def test_no_error_contains_the_url(
    make_downloader: MakeDownloader, host: FileHost, tmp_path: Path, clock: VirtualClock
) -> None:
    host.serve("/500", status=500)
    host.serve("/403", status=403)
    for url in (
        host.url("/500?secret"),
        host.url("/403?secret"),
        host.url("/404?secret"),
        "https://elsewhere.example/secret",
        "data:image/png;base64,secret!",
    ):
        with pytest.raises(DownloadError) as failure:
            await run_through(make_downloader().download(url, tmp_path / "f"), clock)
        assert "secret" not in repr(failure.value)
        assert failure.value.sentence.endswith(".")
