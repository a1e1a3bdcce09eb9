"""Thumbnails are made of the first image, bounded, and cost no result when they fail."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bot.clock import SystemClock
from bot.library.thumbnails import NO_THUMBNAIL, Thumbnails
from bot.limits import THUMBNAIL_BYTES, THUMBNAIL_SIDE
from bot.media.tiles import draw_tile
from bot.media.types import PNG, TEXT, WEBP, MediaKind
from bot.outputs.items import FileItem, LinkItem, TextItem
from bot.store.errors import StoreError
from bot.worker_pool import WorkerPool
from tests.store.samples import make_run


class KeptThumbnails:
    """Thumbnails in memory; a ``broken`` one fails as a full disk does."""

    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[str, bytes] = {}
        self._broken = broken

    async def save_thumbnail(self, run_id: str, data: bytes) -> None:
        if self._broken:
            raise StoreError("The disk is full.")
        self.kept[run_id] = data


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(clock=SystemClock())
    yield pool
    await pool.close()


def picture(width: int = 900, height: int = 600) -> bytes:
    buffer = BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(buffer, "png")
    return buffer.getvalue()


async def test_the_first_image_is_kept_small(workers: WorkerPool, tmp_path: Path) -> None:
    path = tmp_path / "000-abc"
    path.write_bytes(picture())
    store = KeptThumbnails()
    items = (
        TextItem("words"),
        FileItem(name="a.txt", source=b"words", type=TEXT, size=5),
        FileItem(name="draw-01.png", source=path, type=PNG, size=path.stat().st_size),
        FileItem(name="draw-02.png", source=tmp_path / "missing", type=PNG, size=9),
    )
    await Thumbnails(store, workers).keep(make_run(), items)
    small = store.kept["run-1"]
    with Image.open(BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (THUMBNAIL_SIDE, 171))
    assert len(small) <= THUMBNAIL_BYTES


async def test_what_is_no_picture_has_no_thumbnail(workers: WorkerPool) -> None:
    store = KeptThumbnails()
    broken = FileItem(name="draw-01.webp", source=b"RIFF....WEBPnothing", type=WEBP, size=19)
    await Thumbnails(store, workers).keep(make_run(), (broken,))
    assert store.kept == {"run-1": NO_THUMBNAIL}
    link = LinkItem(label="large.png", url="https://r.example/large.png", reason="Too large.")
    await Thumbnails(store, workers).keep(make_run("run-2"), (link,))
    assert "run-2" not in store.kept


async def test_a_failure_costs_only_the_thumbnail(workers: WorkerPool, tmp_path: Path) -> None:
    gone = FileItem(name="draw-01.png", source=tmp_path / "gone", type=PNG, size=9)
    store = KeptThumbnails()
    await Thumbnails(store, workers).keep(make_run(), (gone,))
    assert store.kept == {}
    await Thumbnails(KeptThumbnails(broken=True), workers).keep(
        make_run(), (FileItem(name="draw-01.png", source=picture(64, 64), type=PNG, size=9),)
    )


@pytest.mark.parametrize("kind", MediaKind)
def test_every_kind_has_a_tile_of_its_own_size(kind: MediaKind) -> None:
    with Image.open(BytesIO(draw_tile(kind))) as tile:
        assert tile.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    assert draw_tile(kind, gone=True) == draw_tile(MediaKind.IMAGE, gone=True)
    assert draw_tile(kind) != draw_tile(kind, gone=True)
