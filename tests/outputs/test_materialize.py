"""Pieces become parts: each file fetched once, small enough for Discord, under a name that stays."""

import asyncio
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from PIL import Image

from bot.media import sniff
from bot.observability.metrics import Metrics
from bot.outputs.download import Downloader
from bot.outputs.items import FileItem, LinkItem, TextItem
from bot.outputs.materialize import Concurrency, Materializer
from bot.outputs.parse import RawData, RawFile, RawText
from tests.clock import VirtualClock, settle
from tests.outputs.file_host import FileHost

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def noise(side: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, form)
    return out.getvalue()


SMALL, LARGE = noise(16), noise(300)
LIMIT = 100_000


class Bot:
    """One process of the bot: what it makes gatherers from. A restart is another one on the same folder."""

    def __init__(self, http: httpx.AsyncClient, clock: VirtualClock, folder: Path) -> None:
        self.folder = folder
        self.bench = Concurrency(downloads=asyncio.Semaphore(2), reencodings=asyncio.Semaphore(1))
        self._fetcher = Downloader(
            http, hosts=["127.0.0.1"], max_bytes=1_000_000, clock=clock, metrics=Metrics(process=False)
        )

    def gatherer(self, **more: Any) -> Materializer:
        settings: dict[str, Any] = {"folder": self.folder, "stem": "generate", "limit": LIMIT, "created_at": BEGAN}
        return Materializer(self._fetcher, concurrency=self.bench, **(settings | more))


@pytest.fixture
def bot(http: httpx.AsyncClient, clock: VirtualClock, tmp_path: Path) -> Bot:
    return Bot(http, clock, tmp_path / "run")


async def test_a_file_that_fits_is_uploaded_under_a_human_name(bot: Bot, host: FileHost) -> None:
    part = await bot.gatherer().materialize(RawFile(0, host.serve("/out-0.jpg", SMALL)))
    assert isinstance(part, FileItem)
    assert (part.name, part.type, part.size, part.note) == ("generate-01.png", sniff.PNG, len(SMALL), None)
    assert part.path.read_bytes() == SMALL


async def test_the_key_of_an_object_is_in_the_name(bot: Bot, host: FileHost) -> None:
    part = await bot.gatherer().materialize(RawFile(1, host.serve("/m", SMALL), "mask"))
    assert isinstance(part, FileItem)
    assert part.name == "generate-02-mask.png"


async def test_a_file_is_fetched_once_however_often_and_at_once_it_is_taken(bot: Bot, host: FileHost) -> None:
    piece, gatherer = RawFile(0, host.serve("/f", SMALL)), bot.gatherer()
    first, *others = await asyncio.gather(*(gatherer.materialize(piece) for _ in range(5)))
    assert all(other == first for other in [*others, await gatherer.materialize(piece)])
    assert len(host.requests) == 1


async def test_a_file_is_not_fetched_again_after_a_restart(bot: Bot, host: FileHost) -> None:
    piece = RawFile(0, host.serve("/f", SMALL))
    before = await bot.gatherer().materialize(piece)
    assert await bot.gatherer().materialize(piece) == before
    assert len(host.requests) == 1


async def test_what_a_killed_process_left_unfinished_is_fetched(bot: Bot, host: FileHost) -> None:
    piece = RawFile(0, host.serve("/f", SMALL))
    before = await bot.gatherer().materialize(piece)
    assert isinstance(before, FileItem)
    before.path.rename(before.path.with_name(before.path.name + ".part"))
    after = await bot.gatherer().materialize(piece)
    assert after == before
    assert after.path.read_bytes() == SMALL
    assert len(host.requests) == 2


async def test_another_address_at_the_same_place_is_another_file(bot: Bot, host: FileHost) -> None:
    gatherer = bot.gatherer()
    one = await gatherer.materialize(RawFile(0, host.serve("/a", SMALL)))
    two = await gatherer.materialize(RawFile(0, host.serve("/b", noise(8))))
    assert isinstance(one, FileItem)
    assert isinstance(two, FileItem)
    assert one.name == two.name
    assert one.path != two.path


async def test_a_picture_over_the_limit_is_made_smaller_and_says_so(bot: Bot, host: FileHost) -> None:
    part = await bot.gatherer().materialize(RawFile(0, host.serve("/f", LARGE)))
    assert isinstance(part, FileItem)
    assert part.size <= LIMIT
    assert (part.name, part.size) == ("generate-01.jpg", part.path.stat().st_size)
    assert "reduced" in (part.note or "")


async def test_a_picture_is_made_smaller_once_also_over_a_restart(bot: Bot, host: FileHost) -> None:
    piece = RawFile(0, host.serve("/f", LARGE))
    before = await bot.gatherer().materialize(piece)
    assert isinstance(before, FileItem)
    changed = before.path.stat().st_mtime_ns
    assert await bot.gatherer().materialize(piece) == before
    assert before.path.stat().st_mtime_ns == changed


async def test_another_limit_makes_another_picture(bot: Bot, host: FileHost) -> None:
    piece = RawFile(0, host.serve("/f", LARGE))
    await bot.gatherer().materialize(piece)
    smaller = await bot.gatherer(limit=20_000).materialize(piece)
    assert isinstance(smaller, FileItem)
    assert smaller.size <= 20_000
    assert len(host.requests) == 1


async def test_what_is_too_large_and_no_picture_is_linked_with_its_hour(bot: Bot, host: FileHost) -> None:
    url = host.serve("/film.mp4", b"\0\0\0\x18ftypisom" + bytes(LIMIT))
    part = await bot.gatherer().materialize(RawFile(0, url))
    assert isinstance(part, LinkItem)
    assert (part.label, part.url, part.expires_at) == ("generate-01.mp4", url, BEGAN + HOUR)
    assert "97.7 KB" in part.reason


@pytest.mark.parametrize(("status", "expires"), [(404, None), (403, BEGAN + HOUR)])
async def test_what_cannot_be_fetched_is_linked_with_the_reason(
    bot: Bot, host: FileHost, status: int, expires: datetime | None
) -> None:
    part = await bot.gatherer().materialize(RawFile(0, host.serve("/f.png", status=status)))
    assert isinstance(part, LinkItem)
    assert part.reason.endswith(".")
    assert part.expires_at == expires


async def test_what_cannot_be_fetched_is_asked_for_once(bot: Bot, host: FileHost) -> None:
    gatherer, piece = bot.gatherer(), RawFile(0, host.serve("/f.png", status=404))
    assert await gatherer.materialize(piece) == await gatherer.materialize(piece)
    assert len(host.requests) == 1


async def test_what_lies_elsewhere_is_linked_and_not_opened(bot: Bot) -> None:
    part = await bot.gatherer().materialize(RawFile(0, "https://www.example.com/f.png"))
    assert isinstance(part, LinkItem)
    assert (part.label, part.url, part.expires_at) == ("generate-01.png", "https://www.example.com/f.png", None)


@pytest.mark.parametrize("url", ["data:image/png;base64,!!", "data:;base64," + "AAAA" * 400_000, "ftp://a.example/f"])
async def test_what_has_no_address_for_people_is_only_explained(bot: Bot, url: str) -> None:
    part = await bot.gatherer().materialize(RawFile(0, url))
    assert isinstance(part, LinkItem)
    assert part.url == ""
    assert part.reason


async def test_an_address_too_long_for_a_message_is_only_explained(bot: Bot) -> None:
    part = await bot.gatherer().materialize(RawFile(0, "https://www.example.com/" + "x" * 3000))
    assert isinstance(part, LinkItem)
    assert part.url == ""


async def test_a_picture_that_came_inline_is_uploaded(bot: Bot) -> None:
    part = await bot.gatherer().materialize(
        RawFile(0, "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
    )
    assert isinstance(part, FileItem)
    assert part.name == "generate-01.gif"


async def test_an_empty_file_is_explained(bot: Bot, host: FileHost) -> None:
    part = await bot.gatherer().materialize(RawFile(0, host.serve("/f", b"")))
    assert isinstance(part, LinkItem)
    assert "empty" in part.reason


async def test_words_are_shown_as_they_are_and_under_their_key_where_there_are_several(bot: Bot) -> None:
    assert await bot.gatherer().materialize(RawText("# hi\n")) == TextItem("# hi\n")
    assert await bot.gatherer().materialize(RawText("hi", "the *title*")) == TextItem("**the title**\nhi")


async def test_short_data_is_a_code_block_and_long_data_a_file(bot: Bot) -> None:
    gatherer = bot.gatherer()
    assert await gatherer.materialize(RawData(0, [1, 2])) == TextItem("[1, 2]", language="json")
    part = await gatherer.materialize(RawData(1, [0.25] * 1000, "embedding"))
    assert isinstance(part, FileItem)
    assert (part.name, part.type) == ("generate-02-embedding.json", sniff.JSON)
    assert part.path.read_text().count("0.25") == 1000
    assert part.size == part.path.stat().st_size


async def test_data_over_the_limit_is_explained(bot: Bot) -> None:
    part = await bot.gatherer(limit=500).materialize(RawData(0, list(range(1000))))
    assert isinstance(part, LinkItem)
    assert part.url == ""


async def test_a_disk_that_takes_nothing_is_explained(bot: Bot, host: FileHost) -> None:
    bot.folder.write_bytes(b"a file where the folder should be")
    for piece in (RawFile(0, host.serve("/f", SMALL)), RawData(1, list(range(1000)))):
        part = await bot.gatherer().materialize(piece)
        assert isinstance(part, LinkItem)
        assert "disk" in part.reason


async def test_no_more_is_fetched_at_once_than_the_bench_has_places_for(bot: Bot, host: FileHost) -> None:
    under_way, most = 0, 0

    async def answer(_: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await settle()
        under_way -= 1
        return web.Response(body=SMALL)

    pieces = []
    for number in range(8):
        host.handlers[f"/{number}"] = answer
        pieces.append(RawFile(number, host.url(f"/{number}")))
    gatherer = bot.gatherer()
    parts = await asyncio.gather(*(gatherer.materialize(piece) for piece in pieces))
    assert [part.name for part in parts if isinstance(part, FileItem)] == [f"generate-{n:02d}.png" for n in range(1, 9)]
    assert most == 2


async def test_one_who_gives_up_waiting_does_not_take_the_file_from_the_others(bot: Bot, host: FileHost) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        await go_on.wait()
        return web.Response(body=SMALL)

    host.handlers["/f"] = answer
    gatherer, piece = bot.gatherer(), RawFile(0, host.url("/f"))
    first, second = (asyncio.create_task(gatherer.materialize(piece)) for _ in range(2))
    await asked.wait()
    first.cancel()
    go_on.set()
    assert isinstance(await second, FileItem)
