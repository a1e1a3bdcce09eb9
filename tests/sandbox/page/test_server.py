"""The page's server: access, headers, files and the WebSocket."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.discord.state.models import Upload
from sandbox.environment import Environment
from sandbox.page.server import PageServer
from tests.bot_environment import open_environment


@pytest.fixture
async def environment_without_bot(tmp_path: Path) -> AsyncIterator[Environment]:
    async with open_environment(tmp_path) as environment:
        yield environment


@pytest.fixture
async def page_url(environment_without_bot: Environment) -> AsyncIterator[str]:
    async with PageServer(environment_without_bot) as server:
        yield server.url


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def origin_of(url: str) -> str:
    return "/".join(url.split("/")[:3])


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/live", "/wrong/static/main.js", "//", "/ü/"])
async def test_a_wrong_key_is_refused(client: aiohttp.ClientSession, page_url: str, path: str) -> None:
    async with client.get(origin_of(page_url) + path) as response:
        assert response.status == 403
        assert "key" in await response.text()


async def test_another_host_name_is_refused(client: aiohttp.ClientSession, page_url: str) -> None:
    async with client.get(page_url, headers={"Host": "rebound.example:80"}) as response:
        assert response.status == 403


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_another_origin_gets_no_socket_and_cannot_upload(
    client: aiohttp.ClientSession, page_url: str, origin: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect(f"{page_url}live", headers=headers)
    assert refused.value.status == 403
    async with client.post(f"{page_url}upload?name=a.txt", data=b"x", headers=headers) as response:
        assert response.status == 403


async def test_the_policy_allows_only_the_pages_own_files(client: aiohttp.ClientSession, page_url: str) -> None:
    async with client.get(page_url) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.status == 200
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["Referrer-Policy"] == "no-referrer"


async def test_uploaded_files_are_never_run(
    client: aiohttp.ClientSession, page_url: str, environment_without_bot: Environment
) -> None:
    discord = environment_without_bot.discord
    mia, general = discord.person("mia"), discord.state.channel("general")
    page = Upload("page.html", b"<script>alert(1)</script>")
    message = await mia.send_message(general, files=[page, Upload("tune.wav", b"RIFF0000WAVE", "audio/wav")])
    first, second = (discord.cdn.sign_url(attachment) for attachment in message.attachments)
    origin = discord.cdn.origin
    async with client.get(first.replace(f"{origin}/", f"{page_url}cdn/")) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    async with client.get(second.replace(f"{origin}/", f"{page_url}cdn/"), headers={"Range": "bytes=4-7"}) as response:
        assert response.status == 206
        assert await response.read() == b"0000"
    async with client.get(second.replace(f"{origin}/", f"{page_url}cdn/").replace("hm=", "hm=0")) as response:
        assert response.status == 404


async def test_the_socket_sends_only_what_the_person_sees(
    client: aiohttp.ClientSession, page_url: str, environment_without_bot: Environment
) -> None:
    async with client.ws_connect(f"{page_url}live?as=noah", headers={"Origin": origin_of(page_url)}) as socket:
        snapshot = await socket.receive_json()
        assert snapshot["t"] == "snapshot"
        assert snapshot["discord"]["user"]["username"] == "noah"
        await socket.send_json({"id": 1, "action": "use_command", "channel": "12", "command": "generate"})
        assert await receive(socket, "response") == {
            "t": "response",
            "id": 1,
            "ok": False,
            "error": "This channel no longer exists.",
        }
        mia, state = environment_without_bot.discord.person("mia"), environment_without_bot.discord.state
        await mia.send_message(state.dm("mia"), "secret")
        await mia.send_message(state.channel("general"), "hello")
        assert (await receive(socket, "event"))["d"]["content"] == "hello"


async def receive(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """Return the next message of that type."""
    while True:
        message: dict[str, Any] = await socket.receive_json(timeout=5)
        if message["t"] == kind:
            return message
