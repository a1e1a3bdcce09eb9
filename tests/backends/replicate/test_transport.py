"""A tap that is closed leaves what arrives in the kernel, and opens again whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.backends.replicate.transport import PausableConnection, open_http


@pytest.fixture
async def answer() -> AsyncIterator[httpx.Response]:
    """An answer that goes on."""
    over = asyncio.Event()

    async def serve(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(3):
            await response.write(b"%d" % number)
        await over.wait()
        return response

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestServer(app) as server, open_http() as http, http.stream("GET", str(server.make_url("/"))) as answer:
        yield answer
        over.set()


def connection(answer: httpx.Response) -> asyncio.ReadTransport:
    [found] = [one for one in answer.extensions.values() if isinstance(one, asyncio.BaseTransport)]
    assert isinstance(found, asyncio.ReadTransport)
    return found


async def test_nothing_is_read_while_it_is_closed(answer: httpx.Response) -> None:
    with PausableConnection(answer.extensions).paused():
        assert not connection(answer).is_reading()
    assert connection(answer).is_reading()
    read = b""
    async for data in answer.aiter_raw():
        if (read := read + data) == b"012":
            break


async def test_whoever_is_stopped_at_a_closed_tap_leaves_it_open(answer: httpx.Response) -> None:
    async def rest() -> None:
        with PausableConnection(answer.extensions).paused():
            await asyncio.Event().wait()

    resting = asyncio.create_task(rest())
    await asyncio.sleep(0)
    assert not connection(answer).is_reading()
    resting.cancel()
    await asyncio.wait({resting})
    assert connection(answer).is_reading()


async def test_a_connection_that_is_closed_already_is_left_alone(answer: httpx.Response) -> None:
    connection(answer).close()
    with PausableConnection(answer.extensions).paused():
        pass


def test_without_a_connection_there_is_nothing_to_close() -> None:
    with PausableConnection({}).paused():
        pass
