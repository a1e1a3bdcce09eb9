"""Input files at web addresses: downloaded by the bot for models that must not be sent there themselves."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from aiohttp import web

from bot.clock import SystemClock
from bot.errors import BadOption
from bot.media.types import SpooledFile
from bot.observability.metrics import Metrics
from bot.options.parse import InputFiles, parse_options
from bot.outputs.download import Downloader
from bot.outputs.spool import DiskQuota
from bot.runs.input_files import InputSpool
from bot.worker_pool import WorkerPool
from cogs.input_reader import InputReader
from sandbox.portrait import draw_portrait
from tests.options.samples import URI, layout_of
from tests.outputs.test_download import resolver_of

if TYPE_CHECKING:
    from bot.client import Replicord

LAYOUT = layout_of({"subject": {**URI, "description": "A picture of the subject"}})
NO_CLIENT = cast("Replicord", None)  # Discord is not asked for files of others


class FileHost:
    """A server with a picture, something that is none, and a redirect."""

    def __init__(self) -> None:
        self.base = ""
        self.requests: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        match request.path:
            case "/me.png":
                return web.Response(body=draw_portrait())
            case "/moved.png":
                raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
            case "/text.png":
                return web.Response(text="root:x:0:0")
            case _:
                raise web.HTTPNotFound


@pytest.fixture
async def host() -> AsyncIterator[FileHost]:
    host, app = FileHost(), web.Application()
    app.router.add_get("/{name}", host.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield host
    finally:
        await runner.cleanup()


@asynccontextmanager
async def reading(folder: Path, url: str, hosts: Collection[str] = ("127.0.0.1",)) -> AsyncIterator[InputFiles]:
    """Read the file at an address that somebody entered; private hosts are those of the test."""
    clock, options = SystemClock(), parse_options(LAYOUT, {"subject_url": url}, fetch_addresses=True)
    workers = WorkerPool(clock=clock)
    try:
        async with httpx.AsyncClient() as http:
            downloader = Downloader(
                http, hosts=hosts, any_public=True, max_bytes=10**6, quota=DiskQuota(10**9), clock=clock,
                metrics=Metrics(process=False), resolver=resolver_of("10.0.0.7"),
            )  # fmt: skip
            reader = InputReader(spool=InputSpool(folder / "spool"), web=downloader, workers=workers)
            async with reader.read(NO_CLIENT, options, owner=7) as files:
                yield files
    finally:
        await workers.close()


def test_an_address_is_a_file_where_the_bot_fetches() -> None:
    values = {"subject_url": "https://a.example/pictures/me.png?size=2"}
    fetched = parse_options(LAYOUT, values, fetch_addresses=True)
    assert fetched.input == {"subject": "file:0"}
    assert [file.source.filename for file in fetched.files] == ["me.png"]  # type: ignore[union-attr]
    assert parse_options(LAYOUT, values).input == {"subject": values["subject_url"]}


async def test_a_picture_from_the_web_is_read_like_an_attachment(tmp_path: Path, host: FileHost) -> None:
    async with reading(tmp_path, f"{host.base}/me.png") as files:
        (picture,) = files.media
        assert isinstance(picture, SpooledFile)
        assert picture.read() == draw_portrait()
        assert (picture.name, picture.type.mime) == ("me.png", "image/png")
        assert files.thumbnail is not None
    assert host.requests == ["/me.png"]
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("{}/moved.png", "private network"),
        ("http://intranet.example/x.png", "private network"),
        ("http://user:pass@a.example/x.png", "isn't a plain web address"),
        ("{}/gone.png", "couldn't download it. Check that the address opens for anyone"),
        ("{}/text.png", "must be an image"),
    ],
)
async def test_an_address_that_gives_no_picture_is_told(
    tmp_path: Path, host: FileHost, address: str, sentence: str
) -> None:
    with pytest.raises(BadOption) as caught:
        async with reading(tmp_path, address.format(host.base)):
            pass
    assert sentence in caught.value.sentence
    assert "subject" in caught.value.sentence


async def test_an_address_in_the_network_is_never_asked(tmp_path: Path, host: FileHost) -> None:
    with pytest.raises(BadOption) as caught:
        async with reading(tmp_path, f"{host.base}/me.png", hosts=()):
            pass
    assert "private network" in caught.value.sentence
    assert host.requests == []
