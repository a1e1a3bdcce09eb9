"""The small pictures of results, made when a result is delivered or when a page misses them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from bot.limits import THUMBNAIL_BYTES, THUMBNAIL_SECONDS, THUMBNAIL_SIDE
from bot.media.images import BadImage, make_small_webp
from bot.media.types import MediaKind
from bot.outputs.items import FileItem, OutputItem
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy

log = structlog.get_logger(__name__)

NO_THUMBNAIL = b""  # of what no small picture can be made


class ThumbnailStore(Protocol):
    """Where thumbnails are kept: the library."""

    async def save_thumbnail(self, run_id: str, data: bytes) -> None:
        """Store the small picture of a result; one that is there stays."""
        ...


class Thumbnails:
    """Makes and stores the small pictures of results."""

    def __init__(self, store: ThumbnailStore, workers: WorkerPool) -> None:
        self._store = store
        self._workers = workers

    async def keep(self, run: Run, items: Sequence[OutputItem]) -> None:
        """Store a small picture of the first image of a result. A failure costs only that: a page makes it later."""
        pictures = (item for item in items if isinstance(item, FileItem) and item.type.kind is MediaKind.IMAGE)
        picture = next(pictures, None)
        if picture is None:
            return
        try:
            await self.save(run.id, picture.source, owner=run.author_id)
        except WorkersBusy:
            log.info("thumbnail_postponed", run=run.id)
        except (OSError, StoreError):
            log.warning("thumbnail_not_kept", run=run.id, exc_info=True)

    async def save(self, run_id: str, source: Path | bytes, *, owner: int) -> bytes:
        """Return the small picture of an image, stored; NO_THUMBNAIL if none can be made of it.

        Raises WorkersBusy, OSError if the file is gone, and StoreError.
        """
        try:
            data = await self._workers.run(
                make_small_webp, source, THUMBNAIL_SIDE, THUMBNAIL_BYTES, owner=owner, seconds=THUMBNAIL_SECONDS
            )
        except WorkersBusy:
            raise
        except (BadImage, WorkTooHeavy):
            data = NO_THUMBNAIL
        await self._store.save_thumbnail(run_id, data)
        return data
