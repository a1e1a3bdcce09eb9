"""The files of a run's input: sent inline or uploaded, and read back for the thumbnail.

An input refers to the run's files as ``file:<n>``, n counting from 0.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from bot.backends.replicate.files import Files
from bot.limits import DATA_URI_BYTES
from bot.media.images import BadImage, make_thumbnail
from bot.media.types import Media, MediaKind, format_reference, parse_reference
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.store.runs import Runs

log = structlog.get_logger(__name__)

_CONCURRENT_THUMBNAILS: Final = 1  # a large photo takes a core and some memory for a moment
_IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


def inline_files(value: Mapping[str, Any], files: Sequence[Media]) -> dict[str, Any]:
    """Return the input with small files as data URIs; larger ones stay ``file:<n>``."""
    urls = [
        _data_uri(file) if file.size <= DATA_URI_BYTES else format_reference(number)
        for number, file in enumerate(files)
    ]
    return {name: _replace_references(part, urls) for name, part in value.items()}


async def resolve_files(value: Mapping[str, Any], files: Sequence[Media], remote: Files) -> dict[str, Any]:
    """Return the input with small files as data URIs, and larger ones as URLs of uploads.

    Each file is uploaded once, however often it is referred to. Errors are those of the client.
    """
    urls = [_data_uri(file) if file.size <= DATA_URI_BYTES else await _upload(file, remote) for file in files]
    return {name: _replace_references(part, urls) for name, part in value.items()}


def _replace_references(value: Any, urls: Sequence[str]) -> Any:
    index = parse_reference(value)
    if index is not None and index < len(urls):
        return urls[index]
    if isinstance(value, Mapping):
        return {name: _replace_references(part, urls) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_references(part, urls) for part in value]
    return value


def _data_uri(file: Media) -> str:
    return f"data:{file.type.mime};base64,{base64.b64encode(file.data).decode('ascii')}"


async def _upload(file: Media, remote: Files) -> str:
    uploaded = await remote.create(name=file.name, content_type=file.type.mime, data=file.data)
    return uploaded.url


class ThumbnailLoader:
    """Makes the thumbnails of runs that were read back after a restart."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._slots = asyncio.Semaphore(_CONCURRENT_THUMBNAILS)

    async def load(self, run: Run) -> Media | str | None:
        """Return the run's first input image, scaled down, or its URL; None if there is none."""
        if not any("file:" in str(value) for value in run.input.values()):
            return _image_url(run)
        async with self._slots:
            try:
                files = await self._runs.load_files(run.id)
            except StoreError:  # a decoration: the run goes on without it
                log.warning("thumbnail_not_read", run=run.id, exc_info=True)
                files = ()
            for file in files:
                if file.type.kind is MediaKind.IMAGE:
                    try:
                        return await asyncio.to_thread(make_thumbnail, file)
                    except BadImage:
                        log.info("thumbnail_failed", run=run.id)
        return _image_url(run)


def _image_url(run: Run) -> str | None:
    for value in run.input.values():
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            path = value.partition("?")[0]
            if path.lower().endswith(_IMAGE_SUFFIXES):
                return value
    return None
