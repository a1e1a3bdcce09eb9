"""The client on real sockets: lost connections, large bodies and many streams."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web

from bot.backends.errors import BackendError, NoResponse, NotSent
from bot.backends.replicate.api import ApiClient, ApiRequest
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import NOTHING_SENT, error_from_exception
from bot.backends.replicate.transport import PausableTransport, open_http
from bot.backends.replicate.types import ModelRef
from bot.observability.metrics import Metrics
from tests.backends.replicate.fake_server import ID, InstantClock, prediction
from tests.backends.replicate.fake_streams import DONE, numbered_events, read_events

REQUEST = httpx.Request("POST", "https://api.example.test/v1/predictions")
OFFICIAL = ModelRef.parse("owner/official")
# What may be raised when (parts of) a request were sent already.
MAYBE_SENT = frozenset(
    {
        "ClientConnectionError",
        "ClientConnectionResetError",
        "ClientError",
        "ClientHttpProxyError",
        "ClientOSError",
        "ClientPayloadError",
        "ClientResponseError",
        "ClientSSLError",
        "CloseError",
        "ConnectTimeout",
        "ContentTypeError",
        "DecodingError",
        "HTTPError",
        "HTTPStatusError",
        "InvalidUrlRedirectClientError",
        "LocalProtocolError",
        "NetworkError",
        "NonHttpUrlRedirectClientError",
        "PoolTimeout",
        "ProtocolError",
        "ProxyError",
        "ReadError",
        "ReadTimeout",
        "RedirectClientError",
        "RemoteProtocolError",
        "RequestError",
        "ServerConnectionError",
        "ServerDisconnectedError",
        "ServerTimeoutError",
        "SocketTimeoutError",
        "TimeoutException",
        "TooManyRedirects",
        "TransportError",
        "UnixClientConnectorError",
        "UploadAbortedError",
        "WSServerHandshakeError",
        "WriteError",
        "WriteTimeout",
    }
)
ConnectionHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(handle: ConnectionHandler) -> AsyncIterator[str]:
    """Serve each connection with ``handle``; yield the URL."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def http_server(*routes: web.RouteDef) -> AsyncIterator[str]:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(base_url: str) -> AsyncIterator[Replicate]:
    async with open_http() as http:
        yield Replicate(http, token="not-a-token", base_url=base_url, clock=InstantClock(), metrics=Metrics())


async def test_a_refused_connection_raises_not_sent() -> None:
    async with tcp_server(lambda _reader, _writer: asyncio.sleep(0)) as url:
        pass  # the server stops, so its port refuses connections
    async with client(url) as replicate:
        with pytest.raises(NotSent):
            await replicate.predictions.create(OFFICIAL, {})


async def test_a_failed_tls_handshake_raises_not_sent() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is not TLS\n")
        writer.close()

    async with tcp_server(hang_up) as url, client(url.replace("http:", "https:")) as replicate:
        with pytest.raises(NotSent):
            await replicate.predictions.create(OFFICIAL, {})


@pytest.mark.parametrize(
    ("answer", "reset"),
    [
        (b"", True),
        (b"", False),
        (b"nonsense\r\n\r\n", False),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{", False),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{", True),
        (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", False),
        (b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", False),
    ],
)
async def test_a_create_is_not_resent_after_a_lost_connection(answer: bytes, *, reset: bool) -> None:
    heads = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if reset:
            writer.transport.abort()
        writer.close()

    async with tcp_server(handle) as url, client(url) as replicate:
        with pytest.raises(NoResponse):
            await replicate.predictions.create(OFFICIAL, {"prompt": "a fox"})
    assert len(heads) == 1


async def test_a_create_is_not_resent_on_a_closed_keepalive() -> None:
    heads = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"id": "x", "status": "starting", "created_at": "2025-07-29T07:21:33Z"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with tcp_server(handle) as url, client(url) as replicate:
        await replicate.predictions.get("x")
        with pytest.raises(NoResponse):
            await replicate.predictions.create(OFFICIAL, {})
    assert [head.split()[0] for head in heads] == [b"GET", b"POST"]


async def test_a_silent_server_raises_no_response() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with tcp_server(silent) as url, open_http() as http:
        api = ApiClient(http, token="not-a-token", base_url=url, clock=InstantClock(), metrics=Metrics())
        with pytest.raises(NoResponse):
            await api.send(ApiRequest(operation="test", method="POST", path="predictions", read_timeout=0.02))
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (aiohttp.ConnectionTimeoutError("Connection timeout"), NotSent),
        (aiohttp.ServerDisconnectedError(), NoResponse),
        (aiohttp.ClientOSError(104, "reset"), NoResponse),
        (aiohttp.ClientConnectionResetError("closing"), NoResponse),
        (aiohttp.SocketTimeoutError("slow"), NoResponse),
    ],
)
def test_the_cause_of_a_connect_timeout_decides_the_error(
    cause: aiohttp.ClientError, error: type[BackendError]
) -> None:
    """The transport maps all of these to a connect timeout."""
    timeout = httpx.ConnectTimeout("")
    timeout.__cause__ = cause
    assert type(error_from_exception(timeout, request=REQUEST)) is error


def _leaves(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(_leaves(each) for each in kind.__subclasses__()))


def test_every_exception_of_the_libraries_is_classified() -> None:
    """A version that adds one fails here; whoever reads it decides whether it belongs to NOTHING_SENT."""
    libraries = ("aiohttp", "httpx")
    found = set().union(*(_leaves(base) for base in (aiohttp.ClientError, httpx.HTTPError, httpx.InvalidURL)))
    names = {each.__name__ for each in found - NOTHING_SENT if each.__module__.partition(".")[0] in libraries}
    assert names == MAYBE_SENT


async def test_a_host_without_an_address_raises_not_sent() -> None:
    async with client("http://no-such-host.invalid") as replicate:
        with pytest.raises(NotSent):
            await replicate.predictions.create(OFFICIAL, {})


async def test_a_request_with_a_connection_is_never_unsent() -> None:
    """Whatever the exception says: a library could raise one of these after the request as well."""
    cut = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        cut.set()
        writer.transport.abort()

    class Misleading(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self._inner = PausableTransport()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            try:
                return await self._inner.handle_async_request(request)
            except httpx.HTTPError as error:
                raise httpx.ConnectError("refused") from error

        async def aclose(self) -> None:
            await self._inner.aclose()

    async with tcp_server(handle) as url, httpx.AsyncClient(transport=Misleading()) as http:
        replicate = Replicate(http, token="not-a-token", base_url=url, clock=InstantClock(), metrics=Metrics())
        with pytest.raises(NoResponse):
            await replicate.predictions.create(OFFICIAL, {})
    assert cut.is_set()


async def test_a_large_input_arrives_complete() -> None:
    arrived: dict[str, Any] = {}

    async def handle(request: web.Request) -> web.Response:
        arrived.update(await request.json(), length=request.headers["content-length"], type=request.content_type)
        return web.json_response(prediction(), status=201)

    subject = "data:image/png;base64," + "A" * 3_000_000
    async with http_server(web.post("/v1/models/owner/official/predictions", handle)) as url, client(url) as replicate:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await replicate.predictions.create(OFFICIAL, {"subject": subject})
    assert arrived["input"] == {"subject": subject}
    assert int(arrived["length"]) > 3_000_000
    assert arrived["type"] == "application/json"


async def test_a_retried_upload_has_its_name_and_type() -> None:
    parts = []

    async def handle(request: web.Request) -> web.Response:
        part = await (await request.multipart()).next()
        assert isinstance(part, aiohttp.BodyPartReader)
        parts.append((part.name, part.filename, part.headers["content-type"], bytes(await part.read())))
        if len(parts) == 1:
            return web.Response(status=502)
        urls = {"get": "https://api.example.test/v1/files/f"}
        return web.json_response({"id": "f", "urls": urls, "size": len(parts[0][3])}, status=201)

    data = bytes(range(256)) * 8000
    async with http_server(web.post("/v1/files", handle)) as url, client(url) as replicate:
        file = await replicate.files.create(name="ein Föto.png", content_type="image/png", data=data)
    assert parts == [("content", "ein Föto.png", "image/png", data)] * 2
    assert (file.id, file.url) == ("f", "https://api.example.test/v1/files/f")


async def test_300_streams_are_open_at_once() -> None:
    everyone = asyncio.Barrier(300)

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.wait_for(everyone.wait(), 30)
        await response.write(numbered_events(["a"]) + DONE)
        return response

    async with http_server(web.get("/v1/streams/{token}", handle)) as url, client(url) as replicate:

        async def read(number: int) -> list[str]:
            return [event.kind for event in await read_events(replicate, f"{url}/v1/streams/{number}")]

        kinds = await asyncio.gather(*(read(number) for number in range(300)))
    assert kinds == [["output", "done"]] * 300


async def test_cancelling_a_stream_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + numbered_events(["a"]))
        await reader.read()
        writer.close()
        gone.set()

    received = asyncio.Event()
    async with tcp_server(handle) as url, client(url) as replicate:
        task = asyncio.create_task(replicate.streams.read(f"{url}/v1/streams/x", lambda _: received.set()))
        await asyncio.wait_for(received.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_stream_cut_by_the_network_is_resumed() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if "last-event-id" not in request.headers:
            await response.write(b": hi\n\n" + numbered_events(["a", "b"]) + b"event: output\nid: 1:9\ndata: ha")
            await asyncio.sleep(0)
            assert request.transport is not None
            request.transport.abort()
        else:
            await response.write(b": hi\n\n" + numbered_events(["c"], 2) + DONE)
        return response

    async with http_server(web.get("/v1/streams/x", handle)) as url, client(url) as replicate:
        texts = [event.data for event in await read_events(replicate, f"{url}/v1/streams/x")]
    assert texts == ["a", "b", "c", ""]


async def test_the_client_keeps_no_cookies() -> None:
    cookies = []

    async def handle(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("cookie"))
        response = web.json_response(prediction())
        response.set_cookie("visitor", "someone")
        return response

    async with http_server(web.get("/v1/predictions/{id}", handle)) as url, client(url) as replicate:
        for _ in range(2):
            await replicate.predictions.get(ID)
    assert cookies == [None, None]
