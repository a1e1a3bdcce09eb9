"""The files of runs' outputs on their way: downloaded, shrunk where they are too large for Discord, and named."""

import asyncio
from pathlib import Path

from bot.catalog.catalog import ANY_MODEL
from bot.limits import OUTPUT_DOWNLOADS, SHRINK_SECONDS
from bot.media.images import shrink_image_file
from bot.outputs.download import Downloader
from bot.outputs.materialize import Materializer
from bot.outputs.spool import Spool
from bot.runs import Run, parse_target
from bot.worker_pool import WorkerPool


class OutputFiles:
    """Returns what makes the output items of a run; all runs share the downloads, the disk and the workers."""

    def __init__(self, downloader: Downloader, spool: Spool, workers: WorkerPool) -> None:
        self._downloader = downloader
        self._spool = spool
        self._workers = workers
        self._downloads = asyncio.Semaphore(OUTPUT_DOWNLOADS)

    def materializer_for(self, run: Run) -> Materializer:
        """Return what downloads the output files of a run."""

        async def shrink(source: Path, target: Path, limit: int) -> bool:
            return await self._workers.run(
                shrink_image_file, source, target, limit, owner=run.author_id, seconds=SHRINK_SECONDS
            )

        return Materializer(
            self._downloader,
            folder=self._spool.folder(run.id),
            stem=_stem(run),
            limit=run.place.file_limit,
            created_at=run.created_at,
            downloads=self._downloads,
            shrink=shrink,
            quota=self._spool.quota,
            workers=self._workers,
        )


def _stem(run: Run) -> str:
    """Return the beginning of the names of a run's files: its command, or its model for /run.

    The files of a chain's steps are on one card, so theirs begin with the number of the step.
    """
    if run.chain is not None:
        return f"{run.chain.number}-{run.command}"
    return parse_target(run.target).name if run.command == ANY_MODEL else run.command
