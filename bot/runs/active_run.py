"""A run in memory while its task lives: the row as last written, its output so far, and its reply."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.aio import EventQueue, race
from bot.backends.prediction import Prediction, Status, StreamBatch
from bot.clock import Clock
from bot.media.types import Media
from bot.runs.outcome import FailureReason, StreamResult, is_over
from bot.runs.output_buffer import OutputBuffer
from bot.runs.pending_writes import PendingWrites
from bot.runs.policy import Policy
from bot.runs.progress import LogReader, ProgressEstimator
from bot.runs.snapshot import FINAL_PHASES, Phase, Progress, Reply, RunSnapshot, WarningCode
from bot.store.models import Run, RunState

_CANCELABLE_PHASES: Final = (Phase.SENDING, Phase.RECONCILING, Phase.STARTING, Phase.RUNNING)
# After a restart, seconds from the first poll until output is shown: for the stream to repeat what it sent before, and
# at most until files are downloaded again.
_THUMBNAIL_WAIT: Final = 10.0  # seconds that a recovered run shows nothing, at most
_CATCH_UP_MIN: Final = 1.0
_CATCH_UP_MAX: Final = 20.0
_FAILURES_BEFORE_WARNING: Final = 3
_SAVE: Final = "save"  # the source of the warning that the database takes nothing


@dataclass(frozen=True, slots=True)
class StreamInterrupted:
    """A connection of the stream ended without its end. Another is opened, but the prediction may be over."""


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The stream ended or was lost: no more batches come."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """A poll found the prediction in this state."""

    prediction: Prediction


@dataclass(frozen=True, slots=True)
class PollFailed:
    """A poll failed; so did ``failures`` in a row, not counting those to which the backend said "not found"."""

    failures: int
    warning: WarningCode = WarningCode.UNREACHABLE


@dataclass(frozen=True, slots=True)
class WebhookReceived:
    """The backend called the run's webhook, perhaps with the prediction as it was then."""

    prediction: Prediction | None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody asked to cancel the run."""


@dataclass(frozen=True, slots=True)
class CancelSent:
    """A cancel request was sent to the backend, which accepted it or not."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class PredictionLost:
    """The prediction can no longer be followed: the backend does not know it, or did not end it in time.

    ``unfinished``: it certainly did not finish, nor does it run.
    """

    reason: FailureReason
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task that follows the prediction ended with an unexpected error."""

    error: BaseException


RunEvent = (
    StreamBatch
    | StreamInterrupted
    | StreamClosed
    | PollResult
    | PollFailed
    | WebhookReceived
    | CancelRequested
    | CancelSent
    | PredictionLost
    | TaskFailed
)


class ActiveRun:
    """One run that the engine takes care of.

    Its own task is the only one that changes it. Others put events into ``events``; ``request_cancel`` also sets
    ``cancel_requested``, for waits that a cancel has to end.

    ``shown_before``: the reply may show output from before a restart. Updates are then held back until that output is
    available again, so that it does not disappear and come back.
    """

    def __init__(
        self,
        run: Run,
        *,
        clock: Clock,
        policy: Policy,
        reply: Reply,
        output: OutputBuffer,
        thumbnail: Media | str | None = None,
        shown_before: bool = False,
        first_poll: asyncio.Event | None = None,
    ) -> None:
        self.run = run
        self.reply = reply
        self.output = output
        self.thumbnail = thumbnail
        self.events: EventQueue[RunEvent] = EventQueue()
        self.cancel_requested = asyncio.Event()
        if run.cancel_requested_at is not None:
            self.cancel_requested.set()
        self.first_poll = first_poll  # to be set once a poll has succeeded
        self.resolved_input: dict[str, Any] | None = None  # with file references replaced; dropped once submitted
        self.stream_error: str | None = None
        self.stream_result: StreamResult | None = None
        self.message_deleted = False
        self.place_lost = False  # the bot is no longer where the reply is
        self.reply_finished = False  # the reply took the final snapshot, or never will
        self.is_shown = False  # Discord has the final snapshot
        self.following: Run | None = None  # the next step of its chain, which starts when this one's task is over
        self.uninterruptible = False  # a cancellation now would leave a payment or the final snapshot in doubt
        self.untracked = False  # its prediction may still run though nothing follows it
        self.was_refused = False  # the backend had no place for it
        self.past_deadline = False  # it was canceled because it took too long
        self.is_saving_cancel = False  # somebody's cancel is on its way to the row
        self.is_over = False  # how it ends is known, and there is nothing left to cancel
        self.pending = PendingWrites(
            clock,
            policy,
            on_saved=self.set_saved,
            on_error=lambda error: self.events.put(TaskFailed(error)),
        )
        self.log_reader = LogReader()
        self._progress_estimator = ProgressEstimator()
        self._clock = clock
        self._phase = Phase.QUEUED
        self._queue_position: int | None = None
        self._own_position: int | None = None
        self._looked_for_until: datetime | None = None
        self._warnings: dict[str, WarningCode] = {}
        self._holds_back = shown_before
        self._thumbnail_made: asyncio.Event | None = None  # while a thumbnail is made that the message has already
        self._thumbnail_until = 0.0
        self._first_poll_at: float | None = None
        self._step_bar = -1  # the newest progress bar in the logs, and how many outputs there were when it began
        self._step_done = 0
        self._progress_key: tuple[object, ...] = ()
        self._progress = Progress(phase=self._phase)
        output.on_file_ready = self.show

    @property
    def phase(self) -> Phase:
        """What the run is doing."""
        return self._phase

    @property
    def is_canceling(self) -> bool:
        """Whether somebody asked to cancel the run."""
        return self.cancel_requested.is_set()

    def age(self) -> timedelta:
        """Return how long ago the create request was sent, or the run was created."""
        return self._clock.now() - (self.run.sent_at or self.run.created_at)

    def update_row(self, **changes: Any) -> None:
        """Take over what was just written to the row."""
        self.run = replace(self.run, **changes)

    def request_cancel(self, *, by: int | None, at: datetime) -> None:
        """Take over that a cancel is on disk, and wake whatever can act on it."""
        self.update_row(cancel_requested_at=at, canceled_by_id=by)
        self.cancel_requested.set()
        if not self.run.state.terminal:
            self.show()
        self.events.put(CancelRequested())

    @contextmanager
    def critical_section(self) -> Iterator[None]:
        """Let the engine wait for this section before it stops the run's task."""
        self.uninterruptible = True
        try:
            yield
        finally:
            self.uninterruptible = False

    def apply(self, event: RunEvent) -> None:
        """Change the run by an event, and show what changed."""
        match event:
            case StreamBatch():
                self._apply_batch(event)
            case PollResult(prediction):
                self.set_warning("poll", None)
                self._apply_prediction(prediction)
            case WebhookReceived(Prediction() as prediction):
                self._apply_prediction(prediction)
            case PollFailed(failures, warning) if failures >= _FAILURES_BEFORE_WARNING:
                self.set_warning("poll", warning)
            case CancelSent(accepted):
                self.set_warning("cancel", None if accepted else WarningCode.CANCEL_NOT_ACCEPTED)
            case _:
                pass

    def _apply_batch(self, batch: StreamBatch) -> None:
        if batch.outputs:
            changed = self.output.add_streamed(batch.outputs)
            if self._phase is Phase.STARTING:
                self.enter_phase(Phase.RUNNING)
            elif changed:
                self.show()
        if batch.error is not None:
            self.stream_error = batch.error
        if batch.end == "canceled":
            self.stream_result = StreamResult.CANCELED
        elif batch.end is not None:
            failed = batch.end == "error" or self.stream_error is not None
            self.stream_result = StreamResult.FAILED if failed else StreamResult.SUCCEEDED

    def _apply_prediction(self, prediction: Prediction) -> None:
        if is_over(prediction):
            complete = prediction.status in (Status.SUCCEEDED, Status.OTHER)
            self.output.set_final(prediction.output, complete=complete)
            return
        self.log_reader.read(prediction.logs)
        self.output.add_polled(prediction.output)
        if self._first_poll_at is None:
            self._first_poll_at = self._clock.monotonic()
            if self.first_poll is not None:
                self.first_poll.set()
        running = (
            prediction.status is Status.PROCESSING or self._phase is Phase.RUNNING or self.run.state is RunState.RUNNING
        )
        self.enter_phase(Phase.RUNNING if running else Phase.STARTING)

    def enter_phase(self, phase: Phase) -> None:
        """Enter a phase, if it is another one, and show it."""
        if phase is not self._phase:
            self._phase = phase
            self._queue_position = None
            if phase is Phase.DELIVERING:  # nothing is asked of the backend any more
                self._warnings = {source: one for source, one in self._warnings.items() if source == _SAVE}
        self.show()

    def set_queue_position(self, position: int) -> None:
        """Show the run's position in the create queue."""
        self._queue_position = position
        self.show()

    def set_own_position(self, position: int | None) -> None:
        """Show which of its author's waiting runs it is, or with None that it does not wait for them."""
        if position != self._own_position:
            self._own_position = position
            self.show()

    def set_looked_for_until(self, until: datetime) -> None:
        """Show how long the prediction of a create that got no answer is looked for."""
        if until != self._looked_for_until:
            self._looked_for_until = until
            self.show()

    def set_warning(self, source: str, warning: WarningCode | None) -> None:
        """Show what does not work at the moment, or with None that it works again; ``source`` tells them apart."""
        before = self.warning
        self._warnings.pop(source, None)
        if warning is not None:
            self._warnings[source] = warning
        if self.warning != before:
            self.show()

    def set_saved(self, saved: bool) -> None:  # noqa: FBT001 - its only argument
        """Show whether the database takes what is to be written of the run."""
        self.set_warning(_SAVE, None if saved else WarningCode.NOT_SAVED)

    @property
    def is_unsaved(self) -> bool:
        """Whether the database does not take what is to be written of the run."""
        return WarningCode.NOT_SAVED in self._warnings.values()

    @property
    def warning(self) -> WarningCode | None:
        """The newest warning."""
        return next(reversed(self._warnings.values()), None)

    def await_thumbnail(self) -> None:
        """Show nothing for a while, until ``set_thumbnail``: the message would lose its thumbnail and get it back."""
        self._thumbnail_made = asyncio.Event()
        self._thumbnail_until = self._clock.monotonic() + _THUMBNAIL_WAIT

    def set_thumbnail(self, thumbnail: Media | str | None) -> None:
        """Show the input image from now on, or know that there is none."""
        self.thumbnail = thumbnail
        if self._thumbnail_made is not None:
            self._thumbnail_made.set()
            self._thumbnail_made = None
        if thumbnail is not None or self._thumbnail_until:
            self.show()

    async def wait_for_thumbnail(self) -> None:
        """Return once ``show`` is not held back by the thumbnail any more."""
        if self._thumbnail_made is not None:
            await race(
                self._thumbnail_made.wait(),
                self._clock.sleep(max(self._thumbnail_until - self._clock.monotonic(), 0)),
            )

    def show(self) -> None:
        """Hand the newest snapshot to the reply."""
        if self.reply_finished:
            return
        if self._thumbnail_made is not None and self._clock.monotonic() < self._thumbnail_until:
            return
        if self._holds_back:
            if not self._has_caught_up():
                return
            self._holds_back = False
        self.reply.update(self.snapshot())

    def _has_caught_up(self) -> bool:
        if self._first_poll_at is None:
            return False
        since = self._clock.monotonic() - self._first_poll_at
        return since >= _CATCH_UP_MIN and (since > _CATCH_UP_MAX or not self.output.is_downloading)

    def snapshot(self) -> RunSnapshot:
        """Return the run as it is now."""
        step, done = self.log_reader.step, self.output.file_count
        canceling = self.is_canceling and self._phase in _CANCELABLE_PHASES
        phase = Phase.CANCELING if canceling else self._phase
        until = self._looked_for_until if phase is Phase.RECONCILING else None
        key = (phase, self._queue_position, self._own_position, until, done, step, self.warning)
        if key != self._progress_key:  # it stays the same from one piece of text to the next
            self._progress_key = key
            if step is not None and step.bars != self._step_bar:
                self._step_bar, self._step_done = step.bars, done
            current = step if done == self._step_done else None  # else the bar belongs to an output that has arrived
            self._progress = Progress(
                phase=phase,
                queue_position=self._queue_position,
                own_position=self._own_position,
                until=until,
                done=done,
                total=self.run.expected,
                step=current.step if current else None,
                steps=current.steps if current else None,
                fraction=self._progress_estimator.read(step, done=done, total=self.run.expected),
                warning=self.warning,
            )
        return RunSnapshot(run=self.run, progress=self._progress, items=self.output.items, thumbnail=self.thumbnail)

    def final_snapshot(self) -> RunSnapshot:
        """Enter the phase that belongs to the run's state, and return the last snapshot."""
        self._phase = FINAL_PHASES[self.run.state]
        self._warnings.clear()
        return replace(self.snapshot(), final=True)
