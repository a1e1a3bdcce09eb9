"""Files in inputs of a model on a server of one's own: the server is sent to no address and to no path, ever.

A Cog server fetches whatever address it is given, from inside its network, and opens paths of its own disk.
"""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from sandbox.cog.server import CogServer, is_cog_installed
from sandbox.loopback import find_free_port
from sandbox.portrait import draw_portrait
from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest, StartedRun

pytestmark = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")


class FileHost:
    """A host inside the network, with a picture and a redirect to another port of this machine."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.port = 0
        self.elsewhere = find_free_port()

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if request.path == "/moved.png":
            raise web.HTTPFound(f"http://127.0.0.1:{self.elsewhere}/secret.png")
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
        "MODEL_EDITORS": "everyone",
        "RUN_ANY": "everyone",
    } | more


async def refusal(bot: BotUnderTest, **values: Any) -> str:
    """Use the command, and return the sentence with which it is refused."""
    exchange = await bot.mia.use_command(bot.channel(), "paint", {"prompt": "owl", "number_of_outputs": 1} | values)
    return exchange.text


@pytest.mark.parametrize(
    "address",
    ["/etc/passwd", "file:///etc/passwd", "file:0", "data:image/png;base64,AAAA", "ftp://gpu/secret.png", "gpu/secret"],
)
async def test_a_path_or_odd_address_reaches_no_model(tmp_path: Path, address: str) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server)) as bot,
    ):
        assert "must be a web address that starts with https://" in await refusal(bot, subject_url=address)
        assert "must be a web address" in await refusal(bot, advanced=f"subject={address}")
        assert not bot.query("SELECT id FROM runs")


async def test_an_address_in_the_network_is_not_fetched(tmp_path: Path, host: FileHost) -> None:
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server)) as bot,
    ):
        for name in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            text = await refusal(bot, subject_url=f"http://{name}:{host.port}/secret.png")
            assert "private network" in text
            assert "Attach the file itself." in text
        assert host.paths == []
        assert not bot.query("SELECT id FROM runs")


async def test_an_allowed_host_redirects_to_no_other(tmp_path: Path, host: FileHost) -> None:
    allowed = f"127.0.0.1:{host.port}"
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server, REPLICATE_FILE_HOSTS=allowed)) as bot,
    ):
        assert "private network" in await refusal(bot, subject_url=f"http://{allowed}/moved.png")
        assert host.paths == ["/moved.png"]


async def test_a_file_from_the_web_is_sent_along(tmp_path: Path, host: FileHost) -> None:
    allowed = f"127.0.0.1:{host.port}"
    async with (
        CogServer("pictures", folder=tmp_path) as server,
        running_bot(tmp_path, settings_for(server, REPLICATE_FILE_HOSTS=allowed)) as bot,
    ):
        values = {"prompt": "owl", "subject_url": f"http://{allowed}/me.png", "number_of_outputs": 1, "seconds": 0}
        exchange = await bot.mia.use_command(bot.channel(), "paint", values)
        assert exchange.message is not None, exchange.text
        run = StartedRun(bot, exchange.message, "owl")
        await run.wait_until_delivered()
        assert run.state == "succeeded"
        assert host.paths == ["/me.png"]  # fetched once, by the bot: the model reads what came along
        assert '"file:0"' in str(bot.query("SELECT input FROM runs")[0]["input"])
        (made,) = [item for item in run.message.attachments if item.filename.startswith("paint-")]
        assert Image.open(io.BytesIO(made.data)).size == (256, 256)


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
