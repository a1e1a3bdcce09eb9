"""Replicate's API is behind a gateway, at a path that stands in for its own, and lists still name Replicate's host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MARK = "x-came-through"
_NOT_FORWARDED = frozenset({"host", "content-length", "transfer-encoding"})
OTHERS = 101  # a page of a list has 100


@dataclass
class Gateway:
    """Passes ``<path>/…`` on to ``upstream`` as ``/v1/…``, as Cloudflare's AI Gateway does, and marks it."""

    path: str
    url: str = ""
    upstream: str = ""
    refused: list[str] = field(default_factory=list)
    session: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    async def forward(self, request: web.Request) -> web.Response:
        prefix = f"{self.path}/"
        if not request.raw_path.startswith(prefix):
            self.refused.append(request.path)
            return web.json_response({"detail": "No such gateway."}, status=404)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}
        async with self.session.request(
            request.method,
            f"{self.upstream}/v1/{request.raw_path.removeprefix(prefix)}",
            data=await request.read(),
            headers={**headers, _MARK: "gateway"},
        ) as response:
            return web.Response(
                status=response.status, body=await response.read(), content_type=response.content_type or "text/plain"
            )


@asynccontextmanager
async def bot_behind(path: str, folder: Path) -> AsyncIterator[tuple[BotUnderTest, Gateway]]:
    gateway = Gateway(path)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{any:.*}", gateway.forward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    try:
        async with running_bot(folder, {"REPLICATE_BASE_URL": gateway.url}, start=False) as bot:
            gateway.upstream = bot.replicate.base_url
            await bot.start()
            yield bot, gateway
    finally:
        await gateway.session.close()
        await runner.cleanup()


def went_past(bot: BotUnderTest) -> list[str]:
    """Return the requests to the API that did not come through the gateway, the test's own apart."""
    calls = [call for call in bot.replicate.calls if call.origin == "api" and "x-test" not in call.headers]
    assert calls
    return [call.target for call in calls if _MARK not in call.headers]


@pytest.mark.parametrize("path", ["/v1/account/name/replicate", "/v1", "/replicate"])
async def test_a_run_succeeds_behind_a_gateway(tmp_path: Path, path: str) -> None:
    async with bot_behind(path, tmp_path) as (bot, gateway):
        run = await bot.generate()
        await run.assert_consistent(images=2)
        assert went_past(bot) == []
        assert len(gateway.refused) <= 1


async def test_the_next_page_is_read_behind_a_gateway(tmp_path: Path) -> None:
    async with bot_behind("/v1/account/name/replicate", tmp_path) as (bot, _):
        bot.replicate.faults.add("reset-after", on="POST /v1/predictions")
        unlisted = bot.replicate.faults.add("error-503", on="GET /v1/predictions", times=None)
        run = await bot.generate()
        await run.wait_for(lambda: "checking whether" in run.card_text)
        await _create_others(bot)
        bot.replicate.faults.clear(unlisted)
        await run.assert_consistent(images=2)
        lists = bot.replicate.calls.to("GET /v1/predictions")
        assert any("cursor" in call.query for call in lists)
        assert went_past(bot) == []


async def _create_others(bot: BotUnderTest) -> None:
    """Create a page of newer predictions, as another program with the same account would."""
    bot.replicate.faults.add("never-starts", on="black-forest-labs/flux-schnell", times=None)
    url = f"{bot.replicate.base_url}/v1/models/black-forest-labs/flux-schnell/predictions"
    headers = {"Authorization": f"Bearer {bot.replicate.token}", "x-test": "others"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def create() -> int:
            async with session.post(url, json={"input": {"prompt": "another program's"}}) as response:
                return response.status

        assert set(await asyncio.gather(*(create() for _ in range(OTHERS)))) == {201}
