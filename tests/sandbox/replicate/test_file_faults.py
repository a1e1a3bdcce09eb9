"""The faults of output files."""

import asyncio

import aiohttp
import pytest

from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import SUBJECT, ApiClient


async def create_file(api: ApiClient) -> str:
    """Return the URL of an output file."""
    created = await api.create({"subject": SUBJECT, "number_of_outputs": 1})
    return str((await api.wait_for_end(created["id"]))["output"][0])


async def test_a_file_can_be_missing_mistyped_redirected_or_huge(api: ApiClient) -> None:
    url = await create_file(api)
    api.standin.faults.add("file-missing")
    assert (await api.call("GET", url))[0] == 404
    api.standin.faults.add("file-mistyped")
    async with api.http.get(url) as response:
        assert response.headers["Content-Type"] == "text/html"
    api.standin.faults.add("file-redirect")
    async with api.http.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, url.replace("127.0.0.1", "localhost"))
    api.standin.faults.add("file-huge", bytes=3_000_000, content_length=False)
    async with api.http.get(url) as response:
        assert response.content_length is None
        assert len(await response.read()) == 3_000_000
    api.standin.faults.add("file-bomb", bytes=3_000_000)
    async with api.http.get(url) as response:
        assert (response.content_length or 0) < 10_000
        assert len(await response.read()) == 3_000_000


async def test_a_file_can_be_cut_off(api: ApiClient) -> None:
    url = await create_file(api)
    api.standin.faults.add("file-cut")
    with pytest.raises(aiohttp.ClientError):
        await api.call("GET", url)


async def test_a_file_can_arrive_slowly(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"subject": SUBJECT, "number_of_outputs": 1})
    async with asyncio.timeout(20):
        while not timed.standin.predictions[created["id"]].finished:
            await clock.advance(0.5)
    url = timed.standin.predictions[created["id"]].output[0]
    timed.standin.faults.add("file-slow", bytes=2000, seconds=1)
    reading = asyncio.create_task(timed.call("GET", url))
    started_at = clock.monotonic()
    while not reading.done():
        await clock.advance(1)
    assert clock.monotonic() - started_at >= len(reading.result()[1]) / 2000 - 1
