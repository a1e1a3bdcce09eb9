"""Track a prediction until it ends, as one sequence of events.

Streamed output is provisional, polls are authoritative, webhooks only wake. Three tasks at most feed the run's queue of
events: the stream, the next poll, and the cancel request once there is one.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from bot.aio import cancel_and_wait
from bot.backends.errors import (
    BackendError,
    EndPending,
    Forgotten,
    InvalidResponse,
    NotFound,
    ResponseTooLarge,
    StreamLost,
)
from bot.backends.prediction import Prediction, Status, StreamBatch
from bot.runs.active_run import (
    ActiveRun,
    CancelRequested,
    CancelSent,
    PollFailed,
    PollResult,
    PredictionLost,
    RunEvent,
    StreamClosed,
    StreamInterrupted,
    TaskFailed,
    WebhookReceived,
)
from bot.runs.outcome import FailureCode, FailureReason, deadline_reason, is_over
from bot.runs.services import RunServices
from bot.runs.snapshot import WarningCode
from bot.store.models import RunState

log = structlog.get_logger(__name__)

_NOT_FOUND_MAX: Final = 4  # a new prediction may not be known everywhere at once
_POLLS_AFTER_STREAM: Final = (0.25, 0.25, 0.5, 1.0, 2.0)  # once the stream has ended, a poll shows the end in moments
_POLL_INTERVAL_CANCELING: Final = 2.0


async def track(
    active: ActiveRun, services: RunServices, prediction: Prediction | None = None
) -> AsyncGenerator[RunEvent, None]:
    """Yield what happens to a run's prediction, until a poll shows its end or it is lost.

    ``prediction`` is its newest known state. Each event has to be applied before the next one is awaited.
    """
    tracker = _Tracker(active, services)
    try:
        if prediction is None:
            tracker.poll_now()
        event = await active.events.get() if prediction is None else PollResult(prediction)
        while True:
            if isinstance(event, WebhookReceived) and not tracker.is_usable(event):
                tracker.poll_now()
            else:
                yield event
                if isinstance(event, PollResult) and is_over(event.prediction):
                    return
                tracker.react(event)
                if (reason := tracker.lost_reason()) is not None:
                    yield PredictionLost(reason, unfinished=tracker.is_unfinished)
                    return
            event = await active.events.get()
    finally:
        await tracker.close()


class _Tracker:
    """The tasks that follow one prediction, and when the next poll is due."""

    def __init__(self, active: ActiveRun, services: RunServices) -> None:
        self._active = active
        self._services = services
        self._clock = services.clock
        self._policy = services.policy
        # When the backend has to have ended the run, or the bot ends it. In monotonic time: a wall clock that is set
        # forward must not end it.
        overdue = services.policy.overdue
        self._is_deadline_ours = not services.backend.traits.cancels_at_deadline
        longest = services.policy.deadline + (timedelta() if self._is_deadline_ours else overdue)
        left = min(max(longest - active.age(), overdue), longest)
        self._due_at = services.clock.monotonic() + left.total_seconds()
        self._stream: asyncio.Task[None] | None = None
        self._poll: asyncio.Task[None] | None = None
        self._cancel: asyncio.Task[None] | None = None
        self._start: asyncio.Task[None] | None = None
        self._is_polling = False  # from the moment a poll is made until the tracker reacts to its result
        self._poll_at_once = False  # the next poll, once the one that is being made is done
        self._received_output = False  # since the last poll was scheduled
        self._received_recently = False  # since the last look whether the stream is quiet
        self._is_quiet = False  # the stream was interrupted or brings nothing, so it may have missed its own end
        self._poll_due_at = 0.0  # in monotonic time
        self._failures = 0
        self._not_found = 0
        self._forgotten: Forgotten | None = None
        self._too_large = False
        self._polls_since_stream = 0
        services.poll_limiter.tracked += 1

    async def close(self) -> None:
        self._services.poll_limiter.tracked -= 1
        tasks = (self._stream, self._poll, self._cancel, self._start)
        await cancel_and_wait([task for task in tasks if task is not None])

    def is_usable(self, webhook: WebhookReceived) -> bool:
        """Return whether a webhook's prediction may be shown; an end is only believed if a poll shows it."""
        prediction = webhook.prediction
        return prediction is not None and prediction.id == self._active.run.prediction_id and not is_over(prediction)

    def react(self, event: RunEvent) -> None:
        """Do what an event calls for, after it was applied."""
        match event:
            case StreamBatch():
                self._note_batch(event)
            case StreamInterrupted():
                self.poll_soon()
            case PollResult(prediction):
                self._failures = self._not_found = 0
                self._is_polling = False
                self._use(prediction)
                self._schedule_poll()
            case PollFailed():
                self._is_polling = False
                self._schedule_poll()
            case WebhookReceived(Prediction() as prediction):
                self._use(prediction)
                self._schedule_poll()
            case StreamClosed() | CancelRequested() | CancelSent(accepted=True):
                self.poll_now()
            case TaskFailed(error):
                raise error
            case _:
                pass
        is_overdue = self._clock.monotonic() >= self._due_at
        if self._cancel is None and (self._active.is_canceling or is_overdue):
            self._active.past_deadline = is_overdue and not self._active.is_canceling
            self._cancel = self._create_task(self._send_cancel(), "cancel")

    def poll_now(self) -> None:
        """Poll at once, or once more if a poll is being made."""
        self._poll_at_once = True
        self._schedule_poll()

    def poll_soon(self) -> None:
        """Poll within moments; from then on as if there were no stream, if it should have brought more by now."""
        self._is_quiet = self._is_quiet or self._expects_events
        soon = self._policy.poll_interval_min
        if self._poll_due_at - self._clock.monotonic() > soon:
            self._schedule_poll(soon)

    def _note_batch(self, batch: StreamBatch) -> None:
        if batch.outputs:
            self._received_output = self._received_recently = True
            self._is_quiet = False
        if batch.error is not None:  # the end should follow
            self.poll_soon()

    @property
    def is_unfinished(self) -> bool:
        """Whether the prediction certainly did not finish, nor does it run."""
        return self._forgotten is not None and self._forgotten.unfinished

    def lost_reason(self) -> FailureReason | None:
        """Return why it makes no sense to poll any longer, if so."""
        if self._forgotten is not None:
            code = FailureCode.SERVICE_RESTARTED if self._forgotten.restarted else FailureCode.FORGOTTEN
            return FailureReason(code)
        if self._not_found >= _NOT_FOUND_MAX and not self._is_streaming:
            return FailureReason(FailureCode.FORGOTTEN)
        if self._too_large and not self._is_streaming:
            return FailureReason(FailureCode.OUTPUT_TOO_LARGE)
        if self._clock.monotonic() - self._due_at > self._policy.overdue.total_seconds():
            return deadline_reason(FailureCode.OVERDUE, self._policy.deadline)
        return None

    @property
    def _is_streaming(self) -> bool:
        return self._stream is not None and not self._stream.done()

    def _use(self, prediction: Prediction) -> None:
        """Open the stream and record the start, the first time that a prediction shows them."""
        if self._stream is None and prediction.stream_url is not None:
            self._stream = self._create_task(self._receive_stream(prediction), "stream")
        is_recording = self._start is not None and not self._start.done()
        if prediction.status is Status.PROCESSING and self._active.run.state is RunState.SUBMITTED and not is_recording:
            self._start = self._create_task(self._record_start(prediction), "start")

    async def _receive_stream(self, prediction: Prediction) -> None:
        try:
            await self._services.backend.stream(
                prediction,
                self._active.events.put,
                next_read_in=self._active.reply.next_edit_in,
                on_interruption=lambda: self._active.events.put(StreamInterrupted()),
            )
        except StreamLost:
            self._log_lost_stream()
        except Exception:  # streamed output is provisional; polling goes on
            log.exception("stream_failed", run=self._active.run.id)
            self._log_lost_stream()
        self._active.events.put(StreamClosed())

    def _log_lost_stream(self) -> None:
        log.info("stream_lost", run=self._active.run.id, prediction=self._active.run.prediction_id)

    async def _record_start(self, prediction: Prediction) -> None:
        started_at, run_id = prediction.started_at or self._clock.now(), self._active.run.id
        self._active.update_row(state=RunState.RUNNING, started_at=started_at)
        await self._active.pending.add(partial(self._services.runs.mark_running, run_id, started_at=started_at))

    async def _send_cancel(self) -> None:
        """Ask the backend to cancel the prediction until it accepts; that is not the end yet, which a poll shows."""
        attempt = 0
        while True:
            attempt += 1
            if await send_cancel(self._active, self._services, attempt):
                self._active.events.put(CancelSent(accepted=True))
                return
            self._active.events.put(CancelSent(accepted=False))
            await self._clock.sleep(self._policy.backoff(attempt))

    def _schedule_poll(self, after: float | None = None) -> None:
        """Schedule the next poll, in place of one that is not being made yet; ``after`` so many seconds, if given."""
        if self._is_polling:
            return
        if self._poll is not None:
            self._poll.cancel()
        urgent = self._poll_at_once or self._active.is_canceling or self._active.stream_result is not None
        delay = self._next_poll_in() if after is None else after
        if self._poll_at_once:
            delay, self._poll_at_once = 0.0, False
        self._poll_due_at = self._clock.monotonic() + delay
        self._poll = self._create_task(self._poll_after(delay, urgent=urgent), "poll")

    async def _poll_after(self, delay: float, *, urgent: bool) -> None:
        await self._wait(delay)
        if not urgent and (delay := self._services.poll_limiter.routine_delay()) > 0:
            await self._clock.sleep(delay)
        self._is_polling = True
        prediction_id = self._active.run.prediction_id
        if prediction_id is None:
            raise RuntimeError("A run without a prediction cannot be tracked.")
        try:
            self._active.events.put(PollResult(await self._services.poll_limiter.poll(prediction_id)))
        except BackendError as error:
            if isinstance(error, Forgotten):
                self._forgotten = error
            if isinstance(error, NotFound):
                self._not_found += 1
            else:
                self._failures += 1
            self._too_large = isinstance(error, ResponseTooLarge)
            self._active.events.put(PollFailed(self._failures, _warning_of(error)))

    async def _wait(self, delay: float) -> None:
        """Sleep for so many seconds, or until a stream that should bring more, or its end, has gone quiet."""
        while delay > self._policy.stream_quiet and self._is_streaming:
            self._received_recently = False
            await self._clock.sleep(self._policy.stream_quiet)
            delay -= self._policy.stream_quiet
            if not self._received_recently and self._expects_events:
                self._is_quiet = True
                return
        if delay > 0:
            await self._clock.sleep(delay)

    @property
    def _expects_events(self) -> bool:
        """Whether the stream should bring something every moment: more of a text, or the end after the last file."""
        run, output = self._active.run, self._active.output
        if not self._is_streaming or self._is_quiet:
            return False
        return output.has_streamed_text or (run.expected is not None and output.file_count >= run.expected)

    def _next_poll_in(self) -> float:
        """Return the seconds until the next poll, if nothing else calls for one."""
        received_output, self._received_output = self._received_output, False
        if failures := max(self._failures, self._not_found):
            return self._policy.backoff(failures)
        if self._active.stream_result is not None:
            self._polls_since_stream += 1
            return _POLLS_AFTER_STREAM[min(self._polls_since_stream, len(_POLLS_AFTER_STREAM)) - 1]
        # Webhooks bring the status, logs and the end; output comes by the stream alone.
        interval = self._policy.poll_interval(
            self._active.age().total_seconds(),
            webhooks=self._active.run.webhook is not None and self._is_streaming and not self._is_quiet,
            active=self._services.poll_limiter.tracked_by_all,
        )
        if self._active.is_canceling or self._active.past_deadline:
            return min(interval, _POLL_INTERVAL_CANCELING)
        if self._is_deadline_ours:
            interval = min(interval, max(self._due_at - self._clock.monotonic(), self._policy.poll_interval_min))
        # While text arrives, a poll, with all of the text, would bring nothing that is not shown.
        is_writing = (
            received_output
            and not self._is_quiet
            and self._active.output.is_text
            and self._active.run.state is RunState.RUNNING
        )
        if not is_writing or self._is_deadline_ours:
            return interval
        return max(interval, self._policy.poll_interval_while_streaming)

    def _create_task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{name} of run {self._active.run.id}")
        task.add_done_callback(self._report_failure)
        return task

    def _report_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._active.events.put(TaskFailed(error))


def _warning_of(error: BackendError) -> WarningCode:
    match error:
        case EndPending():
            return WarningCode.END_PENDING
        case InvalidResponse():
            return WarningCode.UNREADABLE
        case _:
            return WarningCode.UNREACHABLE


async def send_cancel(active: ActiveRun, services: RunServices, attempt: int = 1) -> bool:
    """Ask the backend to cancel a run's prediction; return whether nothing is left to ask."""
    if active.run.prediction_id is None:
        return True
    if not services.ownership.seconds_left(active.run.fence):
        return False  # its owner does
    try:
        await services.backend.cancel(active.run.prediction_id)
    except (NotFound, ResponseTooLarge):  # polls say the same; the answer is the prediction, so it was accepted
        return True
    except BackendError as error:
        log.warning("cancel_not_accepted", run=active.run.id, attempt=attempt, error=type(error).__name__)
        return False
    except Exception:  # a prediction that nobody wants must not run on because of a bug
        log.exception("cancel_failed", run=active.run.id, attempt=attempt)
        return False
    return True
