"""Files in inputs of a model on a server of one's own: the server is sent to no address and to no path, ever.

A Cog server fetches whatever address it is given, from inside its network, and opens paths of its own disk.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from sandbox.cog.server import CogServer, is_cog_installed
from sandbox.loopback import find_free_port
from sandbox.portrait import draw_portrait
from tests.cogs.conftest import private_text
from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest

pytestmark = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")


ODD_ADDRESSES = (
    "/etc/passwd",
    "file:///etc/passwd",
    "file:0",
    "data:image/png;base64,AAAA",
    "ftp://gpu/secret.png",
    "gpu/secret.png",
)


class FileHost:
    """A host inside the network, with a picture."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.Response(body=draw_portrait(), content_type="image/png")


@pytest.fixture
async def host() -> AsyncIterator[FileHost]:
    host = FileHost()
    app = web.Application()
    app.router.add_get("/{name}", host.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host.port = runner.addresses[0][1]
        yield host
    finally:
        await runner.cleanup()


def settings_for(server: CogServer, **more: str) -> dict[str, str]:
    return {
        "COMMANDS": f"paint=cog+{server.url}",
        "HTTP_PORT": str(find_free_port()),
        "REPLICATE_API_TOKEN": "",
        "RUN_ANY": "everyone",
    } | more


async def refusal(bot: BotUnderTest, url: str) -> str:
    """Use the command with an address, and return the sentence with which it is refused."""
    exchange = await bot.mia.use_command(bot.channel(), "paint", {"prompt": "owl", "subject_url": url})
    return await private_text(exchange, "subject")


async def test_a_path_or_odd_address_reaches_no_model(tmp_path: Path) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server)) as bot,
    ):
        for address in ODD_ADDRESSES:
            assert "must be a web address that starts with https://" in await refusal(bot, address)
        assert not bot.query("SELECT id FROM runs")


async def test_an_address_in_the_network_is_not_fetched(tmp_path: Path, host: FileHost) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server)) as bot,
    ):
        for name in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            text = await refusal(bot, f"http://{name}:{host.port}/secret.png")
            assert "private network" in text
            assert "Attach the file itself." in text
        assert host.paths == []
        assert not bot.query("SELECT id FROM runs")


async def test_nobody_names_a_server_but_the_settings(tmp_path: Path) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server)) as bot,
    ):
        olga = bot.discord.person("olga")
        for target in (f"cog+{server.url}", server.url, f"COG+{server.url}", "cog+http://gpu:5000|http://b:5000"):
            added = await olga.use_command(bot.channel(), "models add", {"model": target})
            assert "owner/name" in added.text
            ran = await olga.use_command(bot.channel(), "run", {"model": target})
            assert "owner/name" in ran.text
