"""Connections can be paused, and streams are read in batches within a budget of reads."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.backends.replicate.transport import BatchedStream, PausableConnection, ReadScheduler, open_http
from bot.clock import Clock
from tests.clock import VirtualClock, settle


@pytest.fixture
async def response() -> AsyncIterator[httpx.Response]:
    """A response whose body does not end."""
    ended = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(3):
            await response.write(b"%d" % number)
        await ended.wait()
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestServer(app) as server, open_http() as http, http.stream("GET", str(server.make_url("/"))) as opened:
        yield opened
        ended.set()


def transport_of(response: httpx.Response) -> asyncio.ReadTransport:
    transports = [value for value in response.extensions.values() if isinstance(value, asyncio.BaseTransport)]
    assert transports, "The response carries no connection: aiohttp's trace or httpx-aiohttp has changed."
    assert isinstance(transports[0], asyncio.ReadTransport)
    return transports[0]


async def test_a_paused_connection_reads_nothing(response: httpx.Response) -> None:
    with PausableConnection(response.extensions).paused():
        assert not transport_of(response).is_reading()
    assert transport_of(response).is_reading()
    body = b""
    async for data in response.aiter_raw():
        if (body := body + data) == b"012":
            break


async def test_a_cancelled_pause_resumes_the_connection(response: httpx.Response) -> None:
    async def pause() -> None:
        with PausableConnection(response.extensions).paused():
            await asyncio.Event().wait()

    pausing = asyncio.create_task(pause())
    await asyncio.sleep(0)
    assert not transport_of(response).is_reading()
    pausing.cancel()
    await asyncio.wait({pausing})
    assert transport_of(response).is_reading()


async def test_pausing_a_closed_connection_does_nothing(response: httpx.Response) -> None:
    transport_of(response).close()
    with PausableConnection(response.extensions).paused():
        pass


def test_pausing_an_unknown_connection_does_nothing() -> None:
    with PausableConnection({}).paused():
        pass


async def test_concurrent_responses_carry_their_own_connections() -> None:
    everyone, ended = asyncio.Barrier(10), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await everyone.wait()
        await response.prepare(request)
        await ended.wait()
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestServer(app) as server, open_http() as http:
        url = str(server.make_url("/"))
        requests = [http.build_request("GET", url) for _ in range(10)]
        responses = await asyncio.gather(*(http.send(request, stream=True) for request in requests))
        assert len({id(transport_of(response)) for response in responses}) == 10
        ended.set()
        for response in responses:
            await response.aclose()


class Source(httpx.AsyncByteStream):
    def __init__(self, data: bytes = b"x") -> None:
        self.data = data
        self.reads = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.reads += 1
            yield self.data


def batched_stream(
    source: Source, scheduler: ReadScheduler, clock: Clock, flush: Callable[[], bool] = lambda: True
) -> BatchedStream:
    return BatchedStream(source, scheduler, clock, connection=PausableConnection({}), flush=flush)


async def test_a_stream_pauses_after_each_read_once_it_has_events() -> None:
    clock, source = VirtualClock(), Source()
    has_events = False
    reader = aiter(batched_stream(source, ReadScheduler(min_delay=0.2, max_delay=0.2), clock, lambda: has_events))
    for _ in range(3):
        await anext(reader)
    has_events = True
    waiting = asyncio.ensure_future(anext(reader))
    await settle()
    assert not waiting.done()
    await clock.advance(0.2)
    assert waiting.done()


async def test_a_full_read_is_followed_by_another_at_once() -> None:
    source = Source(b"x" * 16 * 1024)
    reader = aiter(batched_stream(source, ReadScheduler(min_delay=0.2, max_delay=0.2), VirtualClock()))
    for _ in range(3):
        await anext(reader)


async def test_events_are_flushed_before_each_pause() -> None:
    flushes: list[int] = []
    source = Source()

    def flush() -> bool:
        flushes.append(source.reads)
        return True

    reader = aiter(batched_stream(source, ReadScheduler(), VirtualClock(), flush))
    for _ in range(3):
        await anext(reader)
    assert flushes == [1, 2]


def test_a_read_is_scheduled_just_before_its_use() -> None:
    scheduler = ReadScheduler(min_delay=0.1, max_delay=0.4)
    assert scheduler.delay(0.9) == 0.4  # the end of the stream must not wait for the next edit
    assert 0.25 < scheduler.delay(0.3) < 0.3
    assert scheduler.delay(0.02) == 0.4  # the data for this use has just been read
    assert scheduler.delay(0.0) == 0.1
    assert ReadScheduler().delay(0.0) == 0.0


def test_late_pauses_lead_to_earlier_reads() -> None:
    scheduler = ReadScheduler(min_delay=0.1, max_delay=0.9)
    before = scheduler.delay(0.8)
    for _ in range(200):
        scheduler.record_lateness(0.1)
    assert 0.15 < before - scheduler.delay(0.8) < 0.25
    for _ in range(400):
        scheduler.record_lateness(0.0)
    assert abs(before - scheduler.delay(0.8)) < 0.01


def test_many_streams_share_the_reads_per_second() -> None:
    scheduler = ReadScheduler(min_delay=0.1, max_delay=0.4, reads_per_second=1000, streams=2000)
    assert scheduler.delay(5.0) == scheduler.delay(0.0) == 2.0
    assert 1.2 < scheduler.delay(1.3) < 1.3
    scheduler.streams = 10
    assert scheduler.delay(5.0) == 0.4


async def test_a_closed_stream_releases_its_share() -> None:
    scheduler = ReadScheduler(min_delay=0.1, max_delay=0.4)
    clock = VirtualClock()
    stream = batched_stream(Source(), scheduler, clock)
    reader = aiter(stream)
    await anext(reader)
    for _ in range(2):
        waiting = asyncio.ensure_future(anext(reader))
        await settle()
        await clock.advance(0.4)
        await waiting
    assert scheduler.streams == 1
    await stream.aclose()
    await stream.aclose()
    assert scheduler.streams == 0
