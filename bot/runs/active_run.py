"""Life: one run in memory, while the engine looks after it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.aio import WakeEvent
from bot.backends.replicate.predictions import Prediction
from bot.clock import Clock
from bot.media.types import Media
from bot.runs.failure_reasons import FailureReason
from bot.runs.output_buffer import OutputBuffer
from bot.runs.progress import LogReader, ProgressEstimator
from bot.runs.snapshot import Phase, Progress, Reply, RunSnapshot
from bot.store.models import Run, RunState

_END_PHASES = {
    RunState.SUCCEEDED: Phase.SUCCEEDED,
    RunState.FAILED: Phase.FAILED,
    RunState.CANCELED: Phase.CANCELED,
    RunState.ABORTED: Phase.ABORTED,
}

_CATCH_UP_DELAY = (
    1.0,
    20.0,
)  # seconds after the first GET: for the stream to say again what it said, and at the longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run is to end. ``prediction`` is Replicate's last word, when there was one."""

    state: RunState
    reason: FailureReason | None = None
    prediction: Prediction | None = None


class ActiveRun:
    """What is known of one run: its row as it was last written, its view, its picture, and who wants it to stop.

    One task works on it (the engine's task for this run). Others only leave word: ``ask_to_stop``, ``tell`` and
    ``gone``, and ring the bell.

    ``shown_before``: a former life may have shown outputs. Then nothing is shown until they are here again, so that
    what people see does not vanish and come back.
    """

    def __init__(
        self,
        run: Run,
        *,
        clock: Clock,
        view: Reply,
        picture: OutputBuffer,
        thumbnail: Media | str | None,
        bell: WakeEvent,
        shown_before: bool = False,
    ) -> None:
        self.run = run
        self.view = view
        self.picture = picture
        self.thumbnail = thumbnail
        self.bell = bell
        self.stop = asyncio.Event()
        self.known = asyncio.Event()  # how its prediction is was told, or need not be any more
        if run.cancel_requested_at is not None:
            self.stop.set()
        self.heard: Prediction | None = None  # what a webhook said last; the GET is the truth
        self.gone = False  # the message is no more
        self.settled = False  # the view took the last page, or will never take one
        self.delicate = False  # cut off here, money or the last page would be in doubt
        self.given: dict[str, Any] | None = None  # the input with its files in place, until it is taken
        self._troubles: dict[str, str] = {}
        self.logs = LogReader()
        self._meter = ProgressEstimator()
        self._clock = clock
        self._phase = Phase.QUEUED
        self._since = run.created_at
        self._line: int | None = None
        self._hushed = shown_before
        self._looked_at: float | None = None
        self._bar = -1  # the bar that was seen last in the logs, and how many outputs there were then
        self._bar_for = 0
        self._told: tuple[object, ...] = ()
        self._progress = Progress(phase=self._phase, since=self._since)
        picture.tell(self.show)

    def wrote(self, **changes: Any) -> None:
        """Take in what was just written to the row."""
        self.run = replace(self.run, **changes)

    def worry(self, about: str, trouble: str | None) -> None:
        """Show what does not work just now, or with None that it works again."""
        before = self.trouble
        self._troubles.pop(about, None)
        if trouble is not None:
            self._troubles[about] = trouble
        if self.trouble != before:
            self.show()

    @property
    def trouble(self) -> str | None:
        """A sentence on what does not work just now, the newest when there are several."""
        return next(reversed(self._troubles.values()), None)

    def turn(self, phase: Phase) -> None:
        """Enter a phase, if it is another one, and show it."""
        if phase is not self._phase:
            self._phase = phase
            self._since = self._clock.now()
            self._line = None
        self.show()

    def moved(self, place: int) -> None:
        """Show a new place in the line."""
        self._line = place
        self.show()

    def show(self) -> None:
        """Hand the newest page to the view."""
        if self._hushed:
            if not self._caught_up:
                return
            self._hushed = False
        self.view.update(self.page())

    def looked(self) -> None:
        """Note that a GET told what there is."""
        if self._looked_at is None:
            self._looked_at = self._clock.monotonic()
            self.known.set()

    @property
    def _caught_up(self) -> bool:
        if self._looked_at is None:
            return False
        shortest, longest = _CATCH_UP_DELAY
        since = self._clock.monotonic() - self._looked_at
        return since >= shortest and (since > longest or not self.picture.gathering)

    def page(self, *, final: bool = False) -> RunSnapshot:
        """Return this moment of the run."""
        return RunSnapshot(
            run=self.run,
            progress=self._progress_now(),
            items=self.picture.parts,
            thumbnail=self.thumbnail,
            final=final,
        )

    def _progress_now(self) -> Progress:
        step, done = self.logs.step, self.picture.made
        told = (self._shown_phase, self._since, self._line, done, step, self.trouble)
        if told != self._told:  # the same from one token to the next
            self._told = told
            if step is not None and step.bars != self._bar:
                self._bar, self._bar_for = step.bars, done
            current = step if done == self._bar_for else None  # else it belongs to an output that is here already
            self._progress = Progress(
                phase=self._shown_phase,
                since=self._since,
                queue_position=self._line,
                done=done,
                total=self.run.expected,
                step=current.step if current else None,
                steps=current.steps if current else None,
                fraction=self._meter.read(step, done=done, total=self.run.expected),
                warning=self.trouble,
            )
        return self._progress

    def finish(self) -> RunSnapshot:
        """Enter the phase of the run's end and return the last page."""
        self._phase = _END_PHASES[self.run.state]
        self._since = self.run.ended_at or self._clock.now()
        self._troubles.clear()
        return self.page(final=True)

    def ask_to_stop(self, *, by: str, at: datetime) -> None:
        """Take in that a cancel is on disk, and wake whoever can act on it."""
        self.wrote(cancel_requested_at=at, cancel_requested_by=by)
        self.stop.set()
        if not self.run.state.terminal:
            if self.run.sent_at is not None:
                self._since = at
            self.show()
        self.bell.set()

    def tell(self, prediction: Prediction | None) -> None:
        """Take in what a webhook said, and wake whoever follows the run."""
        if prediction is not None:
            self.heard = prediction
        self.bell.set()

    @property
    def stopping(self) -> bool:
        """Whether somebody wants the run to stop."""
        return self.stop.is_set()

    @property
    def phase(self) -> Phase:
        """What the run is doing."""
        return self._phase

    @property
    def _shown_phase(self) -> Phase:
        under_way = self._phase in (Phase.SENDING, Phase.RECONCILING, Phase.STARTING, Phase.RUNNING)
        return Phase.CANCELING if under_way and self.stopping else self._phase

    def age(self) -> timedelta:
        """Return how long ago the request left, or the run began."""
        return self._clock.now() - (self.run.sent_at or self.run.created_at)
