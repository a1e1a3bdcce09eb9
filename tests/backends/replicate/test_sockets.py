"""The client on real sockets: what the transport makes of lost connections, large bodies and many streams."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import httpx
import pytest
from aiohttp import web

from bot.backends.replicate.api import ApiClient, ApiRequest
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import NoResponse, NotSent, error_from_exception
from bot.backends.replicate.transport import open_http
from bot.backends.replicate.types import ModelRef
from bot.observability.metrics import Metrics
from tests.backends.replicate.fake_server import ID, HastyClock, prediction
from tests.backends.replicate.fake_streams import DONE, numbered, told

OFFICIAL = ModelRef.parse("owner/official")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A server that does with each connection what ``talk`` does; its URL."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
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
        yield Replicate(http, token="not-a-token", base_url=base_url, clock=HastyClock(), metrics=Metrics())


async def test_a_refused_connection_was_not_sent():
    async with listening(lambda _reader, _writer: asyncio.sleep(0)) as url:
        pass  # it stops listening, so that its port is free and refuses
    async with client(url) as replicate:
        with pytest.raises(NotSent):
            await replicate.predictions.create(OFFICIAL, {})


async def test_a_server_that_does_not_speak_tls_was_not_sent_anything():
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is not TLS\n")
        writer.close()

    async with listening(hang_up) as url, client(url.replace("http:", "https:")) as replicate:
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
async def test_a_connection_lost_after_the_request_left_may_have_created_and_is_not_sent_again(answer, reset):
    heads = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if reset:
            writer.transport.abort()
        writer.close()

    async with listening(talk) as url, client(url) as replicate:
        with pytest.raises(NoResponse):
            await replicate.predictions.create(OFFICIAL, {"prompt": "a fox"})
    assert len(heads) == 1


async def test_a_create_on_a_kept_connection_that_the_server_closes_is_not_sent_again():
    heads = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"id": "x", "status": "starting", "created_at": "2025-07-29T07:21:33Z"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with listening(talk) as url, client(url) as replicate:
        await replicate.predictions.get("x")
        with pytest.raises(NoResponse):
            await replicate.predictions.create(OFFICIAL, {})
    assert [head.split()[0] for head in heads] == [b"GET", b"POST"]


async def test_a_server_that_says_nothing_is_no_answer():
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with listening(silent) as url, open_http() as http:
        api = ApiClient(http, token="not-a-token", base_url=url, clock=HastyClock(), metrics=Metrics())
        with pytest.raises(NoResponse):
            await api.send(ApiRequest(operation="test", method="POST", url=api.url("predictions"), read_timeout=0.02))
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize(
    ("beneath", "error"),
    [
        (aiohttp.ConnectionTimeoutError("Connection timeout"), NotSent),
        (aiohttp.ServerDisconnectedError(), NoResponse),
        (aiohttp.ClientOSError(104, "reset"), NoResponse),
        (aiohttp.ClientConnectionResetError("closing"), NoResponse),
        (aiohttp.SocketTimeoutError("slow"), NoResponse),
    ],
)
def test_what_lies_beneath_a_connect_timeout_decides(beneath, error):
    """The transport calls all of these a connect timeout."""
    above = httpx.ConnectTimeout("")
    above.__cause__ = beneath
    assert type(error_from_exception(above, host="api.example.test")) is error


async def test_a_large_input_arrives_whole_and_at_once_blocks_nothing():
    arrived = {}

    async def take(request: web.Request) -> web.Response:
        arrived.update(await request.json(), length=request.headers["content-length"], type=request.content_type)
        return web.json_response(prediction(), status=201)

    subject = "data:image/png;base64," + "A" * 3_000_000
    async with serving(web.post("/v1/models/owner/official/predictions", take)) as url, client(url) as replicate:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await replicate.predictions.create(OFFICIAL, {"subject": subject})
    assert arrived["input"] == {"subject": subject}
    assert int(arrived["length"]) > 3_000_000
    assert arrived["type"] == "application/json"


async def test_an_upload_arrives_with_its_name_and_type_also_when_it_has_to_be_repeated():
    parts = []

    async def take(request: web.Request) -> web.Response:
        part = await (await request.multipart()).next()
        assert isinstance(part, aiohttp.BodyPartReader)
        parts.append((part.name, part.filename, part.headers["content-type"], bytes(await part.read())))
        if len(parts) == 1:
            return web.Response(status=502)
        urls = {"get": "https://api.example.test/v1/files/f"}
        return web.json_response({"id": "f", "urls": urls, "size": len(parts[0][3])}, status=201)

    data = bytes(range(256)) * 8000
    async with serving(web.post("/v1/files", take)) as url, client(url) as replicate:
        file = await replicate.files.create(name="ein Föto.png", content_type="image/png", data=data)
    assert parts == [("content", "ein Föto.png", "image/png", data)] * 2
    assert (file.id, file.url) == ("f", "https://api.example.test/v1/files/f")


async def test_far_more_than_a_hundred_streams_are_open_at_once():
    together = asyncio.Barrier(300)

    async def flow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.wait_for(together.wait(), 30)
        await response.write(numbered(["a"]) + DONE)
        return response

    async with serving(web.get("/v1/streams/{token}", flow)) as url, client(url) as replicate:

        async def follow(number: int) -> list[str]:
            return [event.kind for event in await told(replicate, f"{url}/v1/streams/{number}")]

        heard = await asyncio.gather(*(follow(number) for number in range(300)))
    assert heard == [["output", "done"]] * 300


async def test_cancelling_a_follower_closes_its_connection_at_once():
    gone = asyncio.Event()

    async def flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + numbered(["a"]))
        await reader.read()
        writer.close()
        gone.set()

    heard = asyncio.Event()
    async with listening(flow) as url, client(url) as replicate:
        task = asyncio.create_task(replicate.stream(f"{url}/v1/streams/x", lambda _: heard.set()))
        await asyncio.wait_for(heard.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_stream_cut_by_the_network_goes_on_where_it_was():
    async def flow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if "last-event-id" not in request.headers:
            await response.write(b": hi\n\n" + numbered(["a", "b"]) + b"event: output\nid: 1:9\ndata: ha")
            await asyncio.sleep(0)
            assert request.transport is not None
            request.transport.abort()
        else:
            await response.write(b": hi\n\n" + numbered(["c"], 2) + DONE)
        return response

    async with serving(web.get("/v1/streams/x", flow)) as url, client(url) as replicate:
        heard = [event.data for event in await told(replicate, f"{url}/v1/streams/x")]
    assert heard == ["a", "b", "c", ""]


async def test_the_client_keeps_no_cookies():
    cookies = []

    async def take(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("cookie"))
        response = web.json_response(prediction())
        response.set_cookie("visitor", "someone")
        return response

    async with serving(web.get("/v1/predictions/{id}", take)) as url, client(url) as replicate:
        for _ in range(2):
            await replicate.predictions.get(ID)
    assert cookies == [None, None]
