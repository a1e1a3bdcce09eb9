"""Raw outputs become items: each file is downloaded once, fits Discord's limit, and keeps its name."""

import asyncio
import io
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.media import types
from bot.media.images import shrink_image_file
from bot.observability.metrics import Metrics
from bot.outputs.download import Downloader
from bot.outputs.items import FileItem, LinkItem, TextItem
from bot.outputs.materialize import Materializer, file_name
from bot.outputs.parse import RawData, RawFile, RawText
from bot.outputs.spool import DiskQuota
from tests.clock import VirtualClock, settle
from tests.outputs.file_host import FileHost

CREATED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def noise(side: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, form)
    return out.getvalue()


SMALL, LARGE = noise(16), noise(300)
LIMIT = 100_000


async def shrink(source: Path, target: Path, limit: int) -> bool:
    return shrink_image_file(source, target, limit)


class Bot:
    """One process of the bot. Another instance with the same folder is the process after a restart."""

    def __init__(self, http: httpx.AsyncClient, clock: VirtualClock, folder: Path) -> None:
        self.folder = folder
        self.downloads = asyncio.Semaphore(2)
        self.quota = DiskQuota(10_000_000)
        self._downloader = Downloader(
            http,
            hosts=["127.0.0.1"],
            max_bytes=1_000_000,
            quota=self.quota,
            clock=clock,
            metrics=Metrics(process=False),
        )

    def materializer(self, **more: Any) -> Materializer:
        settings: dict[str, Any] = {"folder": self.folder, "stem": "generate", "limit": LIMIT, "created_at": CREATED_AT}
        return Materializer(
            self._downloader, downloads=self.downloads, quota=self.quota, shrink=shrink, **(settings | more)
        )


@pytest.fixture
def bot(http: httpx.AsyncClient, clock: VirtualClock, tmp_path: Path) -> Bot:
    return Bot(http, clock, tmp_path / "run")


def path_of(item: FileItem) -> Path:
    assert isinstance(item.source, Path)
    return item.source


async def test_a_file_within_the_limit_is_uploaded(bot: Bot, host: FileHost) -> None:
    item = await bot.materializer().materialize(RawFile(0, host.serve("/out-0.jpg", SMALL)))
    assert isinstance(item, FileItem)
    assert (item.name, item.type, item.size, item.note) == ("generate-01.png", types.PNG, len(SMALL), None)
    assert path_of(item).read_bytes() == SMALL


async def test_the_key_of_an_object_is_in_the_name(bot: Bot, host: FileHost) -> None:
    item = await bot.materializer().materialize(RawFile(1, host.serve("/m", SMALL), "mask"))
    assert isinstance(item, FileItem)
    assert item.name == "generate-02-mask.png"


async def test_concurrent_requests_download_a_file_once(bot: Bot, host: FileHost) -> None:
    raw, materializer = RawFile(0, host.serve("/f", SMALL)), bot.materializer()
    first, *others = await asyncio.gather(*(materializer.materialize(raw) for _ in range(5)))
    assert all(other == first for other in [*others, await materializer.materialize(raw)])
    assert len(host.requests) == 1


async def test_a_file_is_not_downloaded_again_after_a_restart(bot: Bot, host: FileHost) -> None:
    raw = RawFile(0, host.serve("/f", SMALL))
    before = await bot.materializer().materialize(raw)
    assert await bot.materializer().materialize(raw) == before
    assert len(host.requests) == 1


async def test_an_incomplete_file_is_downloaded_again(bot: Bot, host: FileHost) -> None:
    raw = RawFile(0, host.serve("/f", SMALL))
    before = await bot.materializer().materialize(raw)
    assert isinstance(before, FileItem)
    path = path_of(before)
    path.rename(path.with_name(path.name + ".item"))
    after = await bot.materializer().materialize(raw)
    assert after == before
    assert path_of(before).read_bytes() == SMALL
    assert len(host.requests) == 2


async def test_another_url_at_the_same_index_is_another_file(bot: Bot, host: FileHost) -> None:
    materializer = bot.materializer()
    one = await materializer.materialize(RawFile(0, host.serve("/a", SMALL)))
    two = await materializer.materialize(RawFile(0, host.serve("/b", noise(8))))
    assert isinstance(one, FileItem)
    assert isinstance(two, FileItem)
    assert one.name == two.name
    assert one.source != two.source


async def test_an_image_over_the_limit_is_reduced_with_a_note(bot: Bot, host: FileHost) -> None:
    item = await bot.materializer().materialize(RawFile(0, host.serve("/f", LARGE)))
    assert isinstance(item, FileItem)
    assert item.size <= LIMIT
    assert (item.name, item.size) == ("generate-01.jpg", path_of(item).stat().st_size)
    assert "reduced" in (item.note or "")


async def test_an_image_is_reduced_once_across_restarts(bot: Bot, host: FileHost) -> None:
    raw = RawFile(0, host.serve("/f", LARGE))
    before = await bot.materializer().materialize(raw)
    assert isinstance(before, FileItem)
    changed = path_of(before).stat().st_mtime_ns
    assert await bot.materializer().materialize(raw) == before
    assert path_of(before).stat().st_mtime_ns == changed


async def test_another_limit_makes_another_image(bot: Bot, host: FileHost) -> None:
    raw = RawFile(0, host.serve("/f", LARGE))
    await bot.materializer().materialize(raw)
    smaller = await bot.materializer(limit=20_000).materialize(raw)
    assert isinstance(smaller, FileItem)
    assert smaller.size <= 20_000
    assert len(host.requests) == 1


async def test_a_large_file_is_linked_until_it_expires(bot: Bot, host: FileHost) -> None:
    url = host.serve("/film.mp4", b"\0\0\0\x18ftypisom" + bytes(LIMIT))
    item = await bot.materializer().materialize(RawFile(0, url))
    assert isinstance(item, LinkItem)
    assert (item.label, item.url, item.expires_at) == ("generate-01.mp4", url, CREATED_AT + HOUR)
    assert "97.7 KB" in item.reason


@pytest.mark.parametrize(("status", "expires"), [(404, None), (403, CREATED_AT + HOUR)])
async def test_a_failed_download_is_linked_with_the_reason(
    bot: Bot, host: FileHost, status: int, expires: datetime | None
) -> None:
    item = await bot.materializer().materialize(RawFile(0, host.serve("/f.png", status=status)))
    assert isinstance(item, LinkItem)
    assert item.reason.endswith(".")
    assert item.expires_at == expires


async def test_a_failed_download_is_not_repeated(bot: Bot, host: FileHost) -> None:
    materializer, raw = bot.materializer(), RawFile(0, host.serve("/f.png", status=404))
    assert await materializer.materialize(raw) == await materializer.materialize(raw)
    assert len(host.requests) == 1


async def test_a_file_on_another_host_is_linked_only(bot: Bot) -> None:
    item = await bot.materializer().materialize(RawFile(0, "https://www.example.com/f.png"))
    assert isinstance(item, LinkItem)
    assert (item.label, item.url, item.expires_at) == ("generate-01.png", "https://www.example.com/f.png", None)


@pytest.mark.parametrize("url", ["data:image/png;base64,!!", "data:;base64," + "AAAA" * 400_000, "ftp://a.example/f"])
async def test_a_url_that_is_not_for_people_is_not_shown(bot: Bot, url: str) -> None:
    item = await bot.materializer().materialize(RawFile(0, url))
    assert isinstance(item, LinkItem)
    assert item.url == ""
    assert item.reason


async def test_a_very_long_url_is_not_shown(bot: Bot) -> None:
    item = await bot.materializer().materialize(RawFile(0, "https://www.example.com/" + "x" * 3000))
    assert isinstance(item, LinkItem)
    assert item.url == ""


async def test_an_inline_image_is_uploaded(bot: Bot) -> None:
    item = await bot.materializer().materialize(
        RawFile(0, "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
    )
    assert isinstance(item, FileItem)
    assert item.name == "generate-01.gif"


async def test_an_empty_file_is_explained(bot: Bot, host: FileHost) -> None:
    item = await bot.materializer().materialize(RawFile(0, host.serve("/f", b"")))
    assert isinstance(item, LinkItem)
    assert "empty" in item.reason


async def test_text_is_unchanged_but_for_a_heading(bot: Bot) -> None:
    assert await bot.materializer().materialize(RawText("# hi\n")) == TextItem("# hi\n")
    assert await bot.materializer().materialize(RawText("hi", "the *title*")) == TextItem("**the title**\nhi")


async def test_short_data_is_a_code_block_long_data_a_file(bot: Bot) -> None:
    materializer = bot.materializer()
    assert await materializer.materialize(RawData(0, [1, 2])) == TextItem("[1, 2]", language="json")
    item = await materializer.materialize(RawData(1, [0.25] * 1000, "embedding"))
    assert isinstance(item, FileItem)
    assert (item.name, item.type) == ("generate-02-embedding.json", types.JSON)
    assert path_of(item).read_text().count("0.25") == 1000
    assert item.size == path_of(item).stat().st_size


async def test_data_over_the_limit_is_explained(bot: Bot) -> None:
    item = await bot.materializer(limit=500).materialize(RawData(0, list(range(1000))))
    assert isinstance(item, LinkItem)
    assert item.url == ""


async def test_a_disk_error_is_explained(bot: Bot, host: FileHost) -> None:
    bot.folder.write_bytes(b"a file where the folder should be")
    materializer = bot.materializer()
    for raw in (RawFile(0, host.serve("/f", SMALL)), RawData(1, list(range(1000)))):
        item = await materializer.materialize(raw)
        assert isinstance(item, LinkItem)
        assert "disk" in item.reason
        assert item.passing
    bot.folder.unlink()
    for raw in (RawFile(0, host.serve("/f", SMALL)), RawData(1, list(range(1000)))):
        assert isinstance(await materializer.materialize(raw), FileItem)


async def test_concurrent_downloads_are_limited(bot: Bot, host: FileHost) -> None:
    under_way, most = 0, 0

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await settle()
        under_way -= 1
        return web.Response(body=SMALL)

    raws = []
    for number in range(8):
        host.handlers[f"/{number}"] = handle
        raws.append(RawFile(number, host.url(f"/{number}")))
    materializer = bot.materializer()
    items = await asyncio.gather(*(materializer.materialize(raw) for raw in raws))
    assert [item.name for item in items if isinstance(item, FileItem)] == [f"generate-{n:02d}.png" for n in range(1, 9)]
    assert most == 2


async def test_a_cancelled_waiter_does_not_stop_the_download(bot: Bot, host: FileHost) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await go_on.wait()
        return web.Response(body=SMALL)

    host.handlers["/f"] = handle
    materializer, raw = bot.materializer(), RawFile(0, host.url("/f"))
    first, second = (asyncio.create_task(materializer.materialize(raw)) for _ in range(2))
    await asked.wait()
    first.cancel()
    go_on.set()
    assert isinstance(await second, FileItem)


def test_names_have_a_number_the_key_and_the_sniffed_suffix() -> None:
    assert file_name("generate", 0, None, types.WEBP, "out.png") == "generate-01.webp"
    assert file_name("generate", 0, "mask", types.PNG) == "generate-01-mask.png"
    assert file_name("speak", 11, "audio_output", types.WAV) == "speak-12-audio-output.wav"


def test_generic_types_keep_the_source_suffix() -> None:
    assert file_name("a", 0, None, types.TEXT, "captions.srt") == "a-01.srt"
    assert file_name("a", 0, None, types.UNKNOWN, "weights.npy") == "a-01.npy"


def test_a_source_suffix_that_is_wrong_is_dropped() -> None:
    assert file_name("a", 0, None, types.UNKNOWN, "picture.png") == "a-01.bin"
    assert file_name("a", 0, None, types.TEXT, "picture.jpeg") == "a-01.txt"
    assert file_name("a", 0, None, types.TEXT, "evil.tar/../x") == "a-01.txt"


def test_a_link_keeps_the_source_suffix() -> None:
    assert file_name("a", 2, None, None, "film.MP4") == "a-03.mp4"
    assert file_name("a", 2, None, None) == "a-03"


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(0, 5000), st.none() | st.text(max_size=200), st.none() | st.text(max_size=50))
def test_every_name_is_one_that_discord_keeps(stem: str, index: int, label: str | None, source: str | None) -> None:
    name = file_name(stem, index, label, types.UNKNOWN, source)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]{1,11}", name)
    assert len(name) < 110
