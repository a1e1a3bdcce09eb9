"""Thumbnail: the picture that was given, found again after a restart."""

import asyncio
import logging

from bot.media.images import BadImage, thumbnail
from bot.media.media import Kind, Media
from bot.store.run import Run
from bot.store.runs import Runs

log = logging.getLogger(__name__)

_AT_ONCE = 1  # a large photo takes a core and some memory for a moment
_NAMED_LIKE_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


class Thumbnails:
    """Makes the thumbnails of runs that were read back."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def again(self, run: Run) -> Media | str | None:
        """Return the first picture that was given with the run, small, or its URL; None when there was none."""
        if not any("file:" in str(value) for value in run.input.values()):
            return _picture_url(run)
        async with self._gate:
            for file in await self._runs.files(run.id):
                if file.type.kind is Kind.IMAGE:
                    try:
                        return await asyncio.to_thread(thumbnail, file)
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
