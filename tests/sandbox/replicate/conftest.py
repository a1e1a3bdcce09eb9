import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from httpx_sse._decoders import SSEDecoder
from PIL import Image

from sandbox.replicate import ReplicateStandIn, Timings
from tests.clock import VirtualClock
from tests.replicate_spec import check_replicate_calls

CHARACTER = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
LLAMA = "meta/meta-llama-3-8b-instruct"
SUBJECT = "https://replicate.delivery/pbxt/somebody.webp"  # never fetched: a drawn portrait stands in


class Api:
    """Speaks to a stand-in as any HTTP client would."""

    def __init__(self, standin: ReplicateStandIn, http: aiohttp.ClientSession) -> None:
        self.standin = standin
        self.http = http

    async def call(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, token: str = ""
    ) -> tuple[int, Any, Any]:
        url = path if path.startswith("http") else f"{self.standin.base_url}{path}"
        auth = {"Authorization": f"Bearer {token or self.standin.token}"}
        async with self.http.request(method, url, json=body, headers=auth | (headers or {})) as response:
            kind = response.content_type
            read = (
                response.json if kind.endswith("json") else response.text if kind.startswith("text/") else response.read
            )
            return response.status, await read(), response.headers

    async def create(self, given: dict[str, Any], *, version: str = CHARACTER, **more: Any) -> dict[str, Any]:
        headers = more.pop("headers", None)
        body = {"version": version, "input": given, **more}
        status, answer, _ = await self.call("POST", "/v1/predictions", body=body, headers=headers)
        assert status == 201, answer
        return answer

    async def five_tokens(self) -> dict[str, Any]:
        return await self.create({"prompt": "hi", "max_tokens": 5}, version=LLAMA)

    async def get(self, prediction_id: str) -> dict[str, Any]:
        status, answer, _ = await self.call("GET", f"/v1/predictions/{prediction_id}")
        assert status == 200, answer
        return answer

    async def finished(self, prediction_id: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            await self.standin.predictions[prediction_id].ended.wait()
        return await self.get(prediction_id)

    async def stream(self, url: str, *, last: str | None = None, until: bytes = b"event: done") -> bytes:
        """Read a stream until a whole event that contains ``until`` came, or its end."""
        read = b""
        async with self.http.get(url, headers={"Last-Event-ID": last} if last else {}) as response:
            assert response.status == 200, response.status
            async for chunk in response.content.iter_any():
                read += chunk
                if until in read and read.endswith(b"\n\n"):
                    break
        return read


@pytest.fixture
async def standin() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(timings=Timings.instant()) as standin:
        yield standin
    check_replicate_calls(standin.calls)


@pytest.fixture
async def api(standin: ReplicateStandIn) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as http:
        yield Api(standin, http)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def timed(clock: VirtualClock) -> AsyncIterator[Api]:
    """A stand-in whose time passes only by ``clock.advance``."""
    async with ReplicateStandIn(clock=clock) as standin, aiohttp.ClientSession() as http:
        yield Api(standin, http)
    check_replicate_calls(standin.calls)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds; whoever makes it hold tells nobody."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def read_events(wire: bytes) -> list[tuple[str, str, str]]:
    """Read events with a decoder that is not ours."""
    decoder = SSEDecoder()
    decoded = (decoder.decode(line) for line in wire.decode().split("\n")[:-1])
    return [(event.event, event.id, event.data) for event in decoded if event is not None]


@pytest.fixture
def photo() -> bytes:
    """A photo that is red at the left and blue at the right."""
    image = Image.new("RGB", (200, 200), (220, 20, 20))
    image.paste((20, 20, 220), (100, 0, 200, 200))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
