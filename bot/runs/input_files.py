"""The files of a run's input: kept on disk while they are checked, then sent inline or uploaded, and shown small.

An input refers to the run's files as ``file:<n>``, n counting from 0. Their bytes are in memory only while they are
sent, and only so many at a time over all runs.
"""

import asyncio
import base64
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any, Final

import structlog

from bot.aio import Budget
from bot.backends.backend import Backend
from bot.limits import DATA_URI_BYTES, INPUT_SPOOL_BYTES, INPUT_UPLOAD_BYTES, THUMBNAIL_SECONDS
from bot.media.images import BadImage, make_thumbnail
from bot.media.types import (
    GIF,
    JPEG,
    PNG,
    WEBP,
    Media,
    MediaKind,
    StoredFile,
    find_references,
    format_reference,
    parse_reference,
)  # fmt: skip
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.store.runs import Runs
from bot.worker_pool import WorkerPool, WorkTooHeavy

log = structlog.get_logger(__name__)

_IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
# A data URI has a type and no name. These types are known to every model, so the name tells it nothing more.
_INLINE: Final[Mapping[str, tuple[str, ...]]] = {
    PNG.mime: (".png",),
    JPEG.mime: (".jpg", ".jpeg"),
    WEBP.mime: (".webp",),
    GIF.mime: (".gif",),
}


class InputSpool:
    """Where the files of a run lie between their download and its row; private to the bot's user."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._budget = Budget(INPUT_SPOOL_BYTES)

    def clear(self, *, older_than: timedelta = timedelta()) -> None:
        """Delete what a bot that was killed left behind, ``older_than`` where others may be at work. This blocks."""
        if not self._root.is_dir():
            return
        limit = time.time() - older_than.total_seconds()
        for folder in self._root.iterdir():
            with suppress(OSError):  # its owner was faster
                if folder.stat().st_mtime <= limit:
                    shutil.rmtree(folder, ignore_errors=True)

    @asynccontextmanager
    async def folder(self, size: int) -> AsyncIterator[Path]:
        """Make an empty folder for files of ``size`` bytes together, once there is room; delete it afterwards."""
        async with self._budget.hold(size):
            folder = await asyncio.to_thread(self._make)
            try:
                yield folder
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _make(self) -> Path:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._root))


class InputResolver:
    """Replaces the file references of an input by what the model can read."""

    def __init__(self, runs: Runs, backend: Backend) -> None:
        self._runs = runs
        self._backend = backend
        self._budget = Budget(INPUT_UPLOAD_BYTES)

    async def resolve(self, run: Run) -> dict[str, Any]:
        """Return the input with images that are small enough as data URIs, and other files as URLs of uploads.

        Each file is uploaded once, however often it is referred to. Errors are those of the client and the store.
        """
        urls = [await self._resolve_file(file) for file in await self._list_files(run)]
        return {name: _replace_references(value, urls) for name, value in run.input.items()}

    async def resolve_inline(self, run: Run) -> dict[str, Any]:
        """Return the input as ``resolve`` does, but with files that are uploaded still as ``file:<n>``."""
        urls = [
            await self._resolve_file(file) if is_inline(file) else format_reference(file.number)
            for file in await self._list_files(run)
        ]
        return {name: _replace_references(value, urls) for name, value in run.input.items()}

    async def _list_files(self, run: Run) -> Sequence[StoredFile]:
        return await self._runs.list_files(run.id) if find_references(run.input) else ()

    async def _resolve_file(self, file: StoredFile) -> str:
        async with self._budget.hold(file.size):
            media = await self._runs.load_file(file)
            if media is None:
                raise LookupError("A file of a run that has not ended was deleted.")
            if is_inline(file):
                return f"data:{media.type.mime};base64,{base64.b64encode(media.data).decode('ascii')}"
            return await self._backend.upload(name=media.name, content_type=media.type.mime, data=media.data)


def is_inline(file: StoredFile | Media) -> bool:
    """Return whether a file is sent as a data URI: nothing is lost by that, and it is small enough.

    Of any other type, a model would get "file" without an ending, and some tell types by the ending.
    """
    return file.size <= DATA_URI_BYTES and PurePath(file.name).suffix.lower() in _INLINE.get(file.type.mime, ())


def _replace_references(value: Any, urls: Sequence[str]) -> Any:
    index = parse_reference(value)
    if index is not None and index < len(urls):
        return urls[index]
    if isinstance(value, Mapping):
        return {name: _replace_references(part, urls) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_references(part, urls) for part in value]
    return value


class ThumbnailLoader:
    """Makes the thumbnails of runs whose files are in the database only."""

    def __init__(self, runs: Runs, workers: WorkerPool) -> None:
        self._runs = runs
        self._workers = workers

    async def load(self, run: Run) -> Media | str | None:
        """Return the run's first input image, scaled down, or its URL; None if there is none."""
        if run.chain is not None and run.chain.earlier:
            return await self._load_of_chain(run.chain.id)
        if not find_references(run.input):
            return _image_url(run)
        try:
            files = await self._runs.list_files(run.id)
            for file in files:
                if file.type.kind is MediaKind.IMAGE and (small := await self._make(run, file)) is not None:
                    return small
        except StoreError:  # a decoration: the run goes on without it
            log.warning("thumbnail_not_read", run=run.id, exc_info=True)
        return _image_url(run)

    async def _load_of_chain(self, first_run_id: str) -> Media | str | None:
        """Return that of a chain's first step: its card is one from the beginning to the end."""
        try:
            first = await self._runs.get(first_run_id)
        except StoreError:
            log.warning("thumbnail_not_read", run=first_run_id, exc_info=True)
            return None
        return await self.load(first) if first is not None else None

    async def _make(self, run: Run, file: StoredFile) -> Media | None:
        media = await self._runs.load_file(file)
        if media is None:
            return None
        try:
            return await self._workers.run(make_thumbnail, media, owner=run.author_id, seconds=THUMBNAIL_SECONDS)
        except (BadImage, WorkTooHeavy):
            log.info("thumbnail_failed", run=run.id)
            return None


def _image_url(run: Run) -> str | None:
    for value in run.input.values():
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            path = value.partition("?")[0]
            if path.lower().endswith(_IMAGE_SUFFIXES):
                return value
    return None
