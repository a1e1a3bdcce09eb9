from collections.abc import AsyncIterator

import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

from tests.clock import VirtualClock
from tests.outputs.file_host import FileHost, file_host


@pytest.fixture
async def host() -> AsyncIterator[FileHost]:
    async with file_host() as serving:
        yield serving


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=AiohttpTransport(),
        auth=("us", "our-password"),
        headers={"X-Token": "our-token"},
        cookies={"session": "ours"},
    ) as client:
        yield client


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()
