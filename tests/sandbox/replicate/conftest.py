import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import pytest
from httpx_sse import EventSource
from PIL import Image

from sandbox.replicate import ReplicateStandIn, Timings
from sandbox.replicate.catalog import Version
from tests.clock import VirtualClock
from tests.replicate_spec import check_replicate_calls

CHARACTER = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"
LLAMA = "meta/meta-llama-3-8b-instruct"
SUBJECT = "https://replicate.delivery/pbxt/somebody.webp"  # never fetched: a drawn portrait replaces it


class ApiClient:
    """A plain HTTP client of a stand-in."""

    def __init__(self, standin: ReplicateStandIn, http: aiohttp.ClientSession) -> None:
        self.standin = standin
        self.http = http

    async def call(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, token: str = ""
    ) -> tuple[int, Any, Any]:
        """Return the status, the body (parsed JSON, text or bytes by its content type) and the headers."""
        url = path if path.startswith("http") else f"{self.standin.base_url}{path}"
        auth = {"Authorization": f"Bearer {token or self.standin.token}"}
        async with self.http.request(method, url, json=body, headers=auth | (headers or {})) as response:
            content: Any
            if response.content_type.endswith("json"):
                content = await response.json()
            elif response.content_type.startswith("text/"):
                content = await response.text()
            else:
                content = await response.read()
            return response.status, content, response.headers

    async def create(
        self,
        values: dict[str, Any],
        *,
        version: str = CHARACTER,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Create a prediction with these inputs and further fields of the request."""
        body = {"version": version, "input": values, **fields}
        status, prediction, _ = await self.call("POST", "/v1/predictions", body=body, headers=headers)
        assert status == 201, prediction
        created: dict[str, Any] = prediction
        return created

    def latest_version(self, full_name: str) -> Version:
        """Return the latest version of the stand-in's model ``owner/name``."""
        model = self.standin.catalog.find_model(full_name)
        assert model is not None
        return model.versions[0]

    async def create_short_text(self) -> dict[str, Any]:
        """Create a prediction that makes five tokens."""
        return await self.create({"prompt": "hi", "max_tokens": 5}, version=LLAMA)

    async def get(self, prediction_id: str) -> dict[str, Any]:
        status, prediction, _ = await self.call("GET", f"/v1/predictions/{prediction_id}")
        assert status == 200, prediction
        found: dict[str, Any] = prediction
        return found

    async def wait_for_end(self, prediction_id: str) -> dict[str, Any]:
        """Return the prediction once it has ended."""
        async with asyncio.timeout(20):
            await self.standin.predictions[prediction_id].ended.wait()
        return await self.get(prediction_id)

    async def stream(self, url: str, *, last: str | None = None, until: bytes = b"event: done") -> bytes:
        """Read a stream until a complete event that contains ``until``, or to its end."""
        data = b""
        async with self.http.get(url, headers={"Last-Event-ID": last} if last else {}) as response:
            assert response.status == 200, response.status
            async for chunk in response.content.iter_any():
                data += chunk
                if until in data and data.endswith(b"\n\n"):
                    break
        return data


@pytest.fixture
async def standin() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(timings=Timings.instant()) as standin:
        yield standin
    check_replicate_calls(standin.calls)


@pytest.fixture
async def api(standin: ReplicateStandIn) -> AsyncIterator[ApiClient]:
    async with aiohttp.ClientSession() as http:
        yield ApiClient(standin, http)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def timed(clock: VirtualClock) -> AsyncIterator[ApiClient]:
    """A stand-in whose time passes only by ``clock.advance``."""
    async with ReplicateStandIn(clock=clock) as standin, aiohttp.ClientSession() as http:
        yield ApiClient(standin, http)
    check_replicate_calls(standin.calls)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds, for conditions that nothing reports."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def parse_events(data: bytes) -> list[tuple[str, str, str]]:
    """Return the (event, id, data) of a stream, parsed by a library."""
    response = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=data)
    return [(event.event, event.id, event.data) for event in EventSource(response).iter_sse()]


@pytest.fixture
def photo() -> bytes:
    """A PNG that is red on the left and blue on the right."""
    image = Image.new("RGB", (200, 200), (220, 20, 20))
    image.paste((20, 20, 220), (100, 0, 200, 200))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
