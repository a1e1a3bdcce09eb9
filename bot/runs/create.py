"""Submit: from the intent on disk to a prediction, once.

::

    the line ──► files resolved ──► ``sent`` on disk ──► create ──┬─ answered ──────► ``submitted`` on disk
       ▲                                                          ├─ never left ────► ``unsent`` on disk ─┐
       │                                                          ├─ throttled ─────► ``unsent`` on disk ─┤
       └──────────────────────────────────────────────────────────┼───────────────────────────────────────┘
                                                                  ├─ no usable answer ► it is looked for (find.py)
                                                                  └─ refused ─────────► the end
"""

from dataclasses import dataclass
from typing import Any

from bot.aio import race
from bot.backends.replicate.errors import ApiError, InvalidResponse, NoResponse, NotSent, ReplicateError, Throttled
from bot.backends.replicate.predictions import Prediction
from bot.backends.replicate.types import ModelRef
from bot.clock import Clock
from bot.runs import failure_reasons
from bot.runs.active_run import ActiveRun, Outcome
from bot.runs.create_queue import CreateQueue, QueueTicket
from bot.runs.input_files import referenced_files, resolve_files
from bot.runs.observer import Observer
from bot.runs.policy import Policy, retry_write
from bot.runs.ports import Replicate
from bot.runs.reconcile import Reconciler
from bot.runs.snapshot import Phase
from bot.store.errors import StoreError
from bot.store.models import RunState
from bot.store.runs import Runs

_WEBHOOK_EVENTS = ("start", "logs", "completed")  # outputs come by the stream, and by polling where there is none
_THROTTLED = "Replicate takes few new runs just now; it is asked again soon."
_UNREACHABLE = "Replicate cannot be reached just now; it is tried again."
_CANCELED = Outcome(state=RunState.CANCELED)


@dataclass(frozen=True, slots=True)
class _RetryLater:
    """Nothing was accepted; it may be sent again ``after`` so many seconds. ``meanwhile`` says so to people."""

    reason: failure_reasons.FailureReason
    meanwhile: str
    after: float = 0.0


class _NoAnswer:
    """It was sent and perhaps accepted; it must not be sent again."""


class Creator:
    """Makes the prediction of a run; nothing that was perhaps accepted is ever sent again."""

    def __init__(
        self,
        *,
        replicate: Replicate,
        runs: Runs,
        line: CreateQueue,
        finder: Reconciler,
        clock: Clock,
        policy: Policy,
        observer: Observer,
    ) -> None:
        self._replicate = replicate
        self._runs = runs
        self._line = line
        self._finder = finder
        self._clock = clock
        self._policy = policy
        self._observer = observer

    async def submit(self, life: ActiveRun) -> Prediction | Outcome | None:
        """Return the prediction of a run that was never sent, or how the run ends without one.

        None when all that is known of the prediction is its id, on the row.
        """
        tries = 0
        while True:
            tries += 1
            answer = await self._attempt(life, again=tries > 1)
            if isinstance(answer, _NoAnswer):
                return await self._finder.find(life)
            if not isinstance(answer, _RetryLater):
                life.worry("create", None)
                return answer
            if tries == self._policy.create_tries:
                return Outcome(state=RunState.FAILED, reason=answer.reason)
            life.worry("create", answer.meanwhile)
            life.turn(Phase.QUEUED)
            await race(self._clock.sleep(max(answer.after, self._policy.backoff(tries))), life.stop.wait())

    async def _attempt(self, life: ActiveRun, *, again: bool) -> Prediction | Outcome | _RetryLater | _NoAnswer:
        ticket = self._line.enter(life.run.author_id, life.moved, again=again)
        try:
            if not await self._its_turn(life, ticket):
                return _CANCELED
            try:
                life.given = life.given or await race(self._resolve(life), life.stop.wait())
            except ReplicateError as error:
                return Outcome(state=RunState.FAILED, reason=_upload_failure(error))
            life.delicate = True  # from here until Replicate's answer is on disk
            if life.given is None or not await self._mark_sent(life):
                return _CANCELED
            return await self._create(life)
        finally:
            life.delicate = False
            self._line.leave(ticket)

    async def _its_turn(self, life: ActiveRun, ticket: QueueTicket) -> bool:
        """Return True when it is this run's turn, False when somebody wants it to stop first."""
        began = self._clock.monotonic()
        if not ticket.turn.done():
            life.turn(Phase.QUEUED)
            await race(ticket.turn, life.stop.wait())
        self._observer.waited(life.run, self._clock.monotonic() - began)
        return not life.stopping

    async def _resolve(self, life: ActiveRun) -> dict[str, Any]:
        life.turn(Phase.SENDING)
        files = await self._runs.load_files(life.run.id) if referenced_files(life.run.input) else ()
        return await resolve_files(life.run.input, files, self._replicate.files)

    async def _mark_sent(self, life: ActiveRun) -> bool:
        """Write down that the request leaves now; False when somebody wants the run to stop."""
        at, webhook = self._clock.now(), self._policy.webhook(life.run.id)
        if not await self._runs.mark_sent(life.run.id, at=at, webhook=webhook):
            row = await self._runs.get(life.run.id)
            if row is None or row.cancel_requested_at is None:
                raise RuntimeError("somebody else has sent this run, or ended it")
            life.wrote(cancel_requested_at=row.cancel_requested_at, cancel_requested_by=row.cancel_requested_by)
            return False
        life.wrote(sent_at=at, webhook=webhook)
        if life.stopping:
            await self._mark_unsent(life)
            return False
        return True

    async def _mark_unsent(self, life: ActiveRun) -> None:
        await retry_write(lambda: self._runs.mark_unsent(life.run.id), self._clock, self._policy)
        life.wrote(sent_at=None, webhook=None)

    async def _create(self, life: ActiveRun) -> Prediction | Outcome | _RetryLater | _NoAnswer:
        began = self._clock.monotonic()
        life.turn(Phase.SENDING)
        outcome = "broken"
        try:
            with self._finder.sending(life):
                prediction = await self._replicate.predictions.create(
                    ModelRef.parse(life.run.target),
                    life.given or {},
                    webhook=life.run.webhook,
                    webhook_events=_WEBHOOK_EVENTS if life.run.webhook else (),
                    cancel_after=self._policy.deadline,
                )
                outcome = "ok"
                await self._take(life, prediction)
                return prediction
        except ReplicateError as error:
            outcome, answer = classify_create_error(error)
            if isinstance(answer, _RetryLater):
                if isinstance(error, Throttled):
                    self._line.throttled(error.retry_after)
                await self._mark_unsent(life)
            return answer
        finally:
            self._observer.created(life.run, outcome, self._clock.monotonic() - began)

    async def _take(self, life: ActiveRun, prediction: Prediction) -> None:
        self._line.taken(self._replicate.rate)
        try:
            taken = await retry_write(
                lambda: self._runs.mark_submitted(life.run.id, prediction_id=prediction.id), self._clock, self._policy
            )
        except StoreError:
            life.wrote(prediction_id=prediction.id)  # for whoever ends this run: it must not go on unwatched
            raise
        if not taken:
            raise RuntimeError("another run has this prediction, or the run is over")
        life.wrote(prediction_id=prediction.id, state=RunState.SUBMITTED)
        life.given = None


def classify_create_error(error: ReplicateError) -> tuple[str, Outcome | _RetryLater | _NoAnswer]:
    """Say what an error means for a create request: a word for it, and whether it may be sent again."""
    if isinstance(error, Throttled):
        return "throttled", _RetryLater(failure_reasons.THROTTLED, _THROTTLED, error.retry_after)
    if isinstance(error, NotSent):
        return "unsent", _RetryLater(failure_reasons.UNREACHABLE, _UNREACHABLE)
    # A 408 or a 5xx tells nothing of whether the request was acted upon before it failed.
    if isinstance(error, ApiError) and error.status != 408 and error.status < 500:
        return "refused", Outcome(state=RunState.FAILED, reason=failure_reasons.from_create_error(error))
    return "unanswered", _NoAnswer()


def _upload_failure(error: ReplicateError) -> failure_reasons.FailureReason:
    return (
        failure_reasons.UPLOAD
        if isinstance(error, (NoResponse, InvalidResponse))
        else failure_reasons.from_create_error(error)
    )
