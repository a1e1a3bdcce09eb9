"""Who gets in, and what the page's server hands out."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.discord.state.models import Upload
from sandbox.environment import Environment
from sandbox.page.server import PageServer
from tests.bot_environment import open_environment


@pytest.fixture
async def empty_environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """A environment in which no bot was started."""
    async with open_environment(tmp_path) as environment:
        yield environment


@pytest.fixture
async def url(empty_environment: Environment) -> AsyncIterator[str]:
    async with PageServer(empty_environment) as page:
        yield page.url


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def root(url: str) -> str:
    return "/".join(url.split("/")[:3])


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/live", "/wrong/static/main.js", "//", "/ü/"])
async def test_a_wrong_key_is_refused(client: aiohttp.ClientSession, url: str, path: str) -> None:
    async with client.get(root(url) + path) as answer:
        assert answer.status == 403
        assert "key" in await answer.text()


async def test_another_host_name_is_refused_though_it_leads_here(client: aiohttp.ClientSession, url: str) -> None:
    async with client.get(url, headers={"Host": "rebound.example:80"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
async def test_another_page_gets_no_socket_and_uploads_nothing(
    client: aiohttp.ClientSession, url: str, origin: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect(f"{url}live", headers=headers)
    assert refused.value.status == 403
    async with client.post(f"{url}upload?name=a.txt", data=b"x", headers=headers) as answer:
        assert answer.status == 403


async def test_the_page_may_load_and_run_only_what_is_its_own(client: aiohttp.ClientSession, url: str) -> None:
    async with client.get(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_a_file_of_somebodys_is_never_run(
    client: aiohttp.ClientSession, url: str, empty_environment: Environment
) -> None:
    mia, general = empty_environment.discord.person("mia"), empty_environment.discord.state.channel("general")
    page = Upload("page.html", b"<script>alert(1)</script>")
    message = await mia.send_message(general, files=[page, Upload("tune.wav", b"RIFF0000WAVE", "audio/wav")])
    first, second = (empty_environment.discord.cdn.url(one) for one in message.attachments)
    origin = empty_environment.discord.cdn.origin
    async with client.get(first.replace(f"{origin}/", f"{url}cdn/")) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    async with client.get(second.replace(f"{origin}/", f"{url}cdn/"), headers={"Range": "bytes=4-7"}) as answer:
        assert answer.status == 206
        assert await answer.read() == b"0000"
    async with client.get(second.replace(f"{origin}/", f"{url}cdn/").replace("hm=", "hm=0")) as answer:
        assert answer.status == 404


async def test_the_socket_tells_a_person_only_what_they_see(
    client: aiohttp.ClientSession, url: str, empty_environment: Environment
) -> None:
    async with client.ws_connect(f"{url}live?as=noah", headers={"Origin": root(url)}) as socket:
        hello = await socket.receive_json()
        assert hello["t"] == "hello"
        assert hello["world"]["user"]["username"] == "noah"
        await socket.send_json({"id": 1, "do": "slash", "channel": "12", "command": "generate"})
        assert await told(socket, "re") == {"t": "re", "id": 1, "ok": False, "sentence": "This channel is gone."}
        mia, state = empty_environment.discord.person("mia"), empty_environment.discord.state
        await mia.send_message(state.dm("mia"), "secret")
        await mia.send_message(state.channel("general"), "hello")
        assert (await told(socket, "seen"))["d"]["content"] == "hello"


async def told(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, object]:
    """Return the next thing of that kind that the socket tells."""
    while True:
        found: dict[str, object] = await socket.receive_json(timeout=5)
        if found["t"] == kind:
            return found
