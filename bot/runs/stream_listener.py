"""Listen: a prediction's stream, heard into the run's picture."""

import asyncio
import logging
from enum import StrEnum

from bot.aio import cancel_and_wait
from bot.backends.replicate.errors import StreamLost
from bot.backends.replicate.stream import StreamBatch
from bot.runs.active_run import ActiveRun
from bot.runs.observer import Observer
from bot.runs.ports import Replicate
from bot.runs.snapshot import Phase

log = logging.getLogger(__name__)


class StreamResult(StrEnum):
    """How the stream says that the prediction ended. The GET has the last word."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class StreamListener:
    """Listens to one run's stream in a task of its own, and rings the run's bell when it is done or lost.

    ``verdict`` is None until the stream is done; ``error`` is what it said went wrong; ``live`` tells whether more
    may come; ``heard`` counts the outputs that came.
    """

    def __init__(self, life: ActiveRun, *, replicate: Replicate, observer: Observer) -> None:
        self._life = life
        self._replicate = replicate
        self._observer = observer
        self._task: asyncio.Task[None] | None = None
        self.heard = 0
        self.verdict: StreamResult | None = None
        self.error: str | None = None

    @property
    def live(self) -> bool:
        """Whether the stream is being heard and not over."""
        return self._task is not None and not self._task.done()

    def open(self, url: str | None) -> None:
        """Begin to listen, if there is a stream and nobody listens yet."""
        if url is not None and self._task is None:
            self._task = asyncio.create_task(self._listen(url), name=f"stream of run {self._life.run.id}")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            await cancel_and_wait((self._task,))

    async def _listen(self, url: str) -> None:
        try:
            await self._replicate.stream(url, self._take, wanted=self._life.view.next_edit_in)
        except StreamLost:
            self._observer.stream_lost(self._life.run)
        except Exception:  # the stream is only the picture; the run goes on by polling
            log.exception("the stream of a run broke", extra={"run": self._life.run.id})
            self._observer.stream_lost(self._life.run)
        self._life.bell.set()

    def _take(self, gulp: StreamBatch) -> None:
        if gulp.outputs:
            if self._life.phase is Phase.STARTING:
                self._life.turn(Phase.RUNNING)
            self.heard += len(gulp.outputs)
            self._life.picture.hear(gulp.outputs)
        if gulp.error is not None:
            self.error = gulp.error
        if gulp.end is not None:
            self.verdict = self._read(gulp.end)

    def _read(self, reason: str) -> StreamResult:
        if reason == "canceled":
            return StreamResult.CANCELED
        return StreamResult.FAILED if reason == "error" or self.error is not None else StreamResult.SUCCEEDED
