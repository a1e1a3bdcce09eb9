"""The files of a run's input: sent inline or uploaded, and found again for the thumbnail."""

import asyncio
import base64
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.limits import DATA_URI_BYTES
from bot.media.images import BadImage, make_thumbnail
from bot.media.types import Media, MediaKind
from bot.runs.ports import Files
from bot.store.models import Run
from bot.store.runs import Runs

_FILE = re.compile(r"file:(\d+)")


def is_file(value: Any) -> bool:
    """Tell whether an input's value stands for one of the run's files."""
    return isinstance(value, str) and _FILE.fullmatch(value) is not None


def referenced_files(value: Any) -> frozenset[int]:
    """Return the numbers of the files that an input names, however deep."""
    if isinstance(value, str):
        found = _FILE.fullmatch(value)
        return frozenset() if found is None else frozenset({int(found[1])})
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, (list, tuple)):
        return frozenset().union(*map(referenced_files, value))
    return frozenset()


def inline_files(value: Mapping[str, Any], files: Sequence[Media]) -> dict[str, Any]:
    """Return the input with the files that travel as data URIs in place; larger ones stay ``file:<n>``."""
    uris = [_data_uri(file) if file.size <= DATA_URI_BYTES else f"file:{n}" for n, file in enumerate(files)]
    return {name: _placed(part, uris) for name, part in value.items()}


async def resolve_files(value: Mapping[str, Any], files: Sequence[Media], remote: Files) -> dict[str, Any]:
    """Return the input with its files as data URIs, or as URLs where they are larger than one should be.

    Each file is uploaded once, however often it is named. Errors are the client's.
    """
    urls = [_data_uri(file) if file.size <= DATA_URI_BYTES else await _upload(file, remote) for file in files]
    return {name: _placed(part, urls) for name, part in value.items()}


def _placed(value: Any, urls: Sequence[str]) -> Any:
    if isinstance(value, str):
        found = _FILE.fullmatch(value)
        return urls[int(found[1])] if found is not None and int(found[1]) < len(urls) else value
    if isinstance(value, Mapping):
        return {name: _placed(part, urls) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_placed(part, urls) for part in value]
    return value


def _data_uri(file: Media) -> str:
    return f"data:{file.type.mime};base64,{base64.b64encode(file.data).decode('ascii')}"


async def _upload(file: Media, remote: Files) -> str:
    uploaded = await remote.create(name=file.name, content_type=file.type.mime, data=file.data)
    return uploaded.url


log = logging.getLogger(__name__)

_AT_ONCE = 1  # a large photo takes a core and some memory for a moment
_NAMED_LIKE_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


class ThumbnailLoader:
    """Makes the thumbnails of runs that were read back."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def again(self, run: Run) -> Media | str | None:
        """Return the first picture that was given with the run, small, or its URL; None when there was none."""
        if not any("file:" in str(value) for value in run.input.values()):
            return _picture_url(run)
        async with self._gate:
            for file in await self._runs.load_files(run.id):
                if file.type.kind is MediaKind.IMAGE:
                    try:
                        return await asyncio.to_thread(make_thumbnail, file)
                    except BadImage:
                        log.info("a given picture has no thumbnail", extra={"run": run.id})
        return _picture_url(run)


def _picture_url(run: Run) -> str | None:
    for value in run.input.values():
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            path = value.partition("?")[0]
            if path.lower().endswith(_NAMED_LIKE_PICTURES):
                return value
    return None
