"""Follow: from a prediction's id to its end.

The stream is the picture, the GET is the truth. Looks come at a human pace, and at once when something rings the
run's bell: a webhook, the stream's end, a cancel.
"""

from datetime import timedelta

from bot.backends.replicate.errors import NotFound, ReplicateError
from bot.backends.replicate.predictions import Prediction, Status
from bot.clock import Clock
from bot.runs import failure_reasons, outcome
from bot.runs.active_run import ActiveRun, Outcome
from bot.runs.canceller import Canceller
from bot.runs.failure_reasons import FailureReason
from bot.runs.observer import Observer
from bot.runs.policy import Policy, retry_write
from bot.runs.poll_limiter import PollLimiter
from bot.runs.ports import Replicate
from bot.runs.snapshot import Phase
from bot.runs.stream_listener import StreamListener
from bot.store.models import RunState
from bot.store.runs import Runs

_NOT_FOUND_LIMIT = 4  # a prediction just made may not be known everywhere at once
_WARN_AFTER_FAILURES = 3
_POLLS_AFTER_STREAM = (0.25, 0.25, 0.5, 1.0, 2.0)  # once the stream is done, the GET says so within moments
_CANCELING_POLL_MAX = 2.0


class Tracker:
    """Follows predictions to their ends; one call a run."""

    def __init__(
        self, *, replicate: Replicate, runs: Runs, looks: PollLimiter, clock: Clock, policy: Policy, observer: Observer
    ) -> None:
        self.replicate = replicate
        self.runs = runs
        self.looks = looks
        self.clock = clock
        self.policy = policy
        self.observer = observer
        self.active = 0

    async def follow(self, life: ActiveRun, prediction: Prediction | None) -> Outcome:
        """Return how the run ends. ``prediction`` is what is known already, None to look first."""
        watch = _RunTracker(life, self)
        self.active += 1
        try:
            return await watch.until_over(prediction)
        finally:
            self.active -= 1
            await watch.close()


class _RunTracker:
    """One run being followed."""

    def __init__(self, life: ActiveRun, follower: Tracker) -> None:
        self._life = life
        self._house = follower
        self._policy = follower.policy
        self._clock = follower.clock
        self._listener = StreamListener(life, replicate=follower.replicate, observer=follower.observer)
        self._stopper = Canceller(
            life, predictions=follower.replicate.predictions, clock=follower.clock, policy=follower.policy
        )
        self._began = follower.clock.monotonic()
        self._due_after = self._until_due()
        self._failures = 0
        self._missing = 0
        self._looks_since_done = 0
        self._heard = 0

    async def until_over(self, prediction: Prediction | None) -> Outcome:
        rung = True
        self._life.turn(Phase.RUNNING if self._life.run.state is RunState.RUNNING else Phase.STARTING)
        while True:
            if prediction is None:
                await self._its_turn(urgent=rung)
                prediction = await self._look()
            if prediction is not None:
                if outcome.is_over(prediction):
                    return self._end(prediction)
                await self._take(prediction)
            if self._life.stopping or self._overdue > timedelta(0):
                self._stopper.start()
            reason = self._lost
            if reason is not None:
                return outcome.outcome_without_prediction(reason, self._listener.verdict, heard=self._listener.error)
            rung = await self._life.bell.wait(timeout=self._pause())
            prediction = self._told()

    async def close(self) -> None:
        await self._stopper.close()
        await self._listener.close()

    def _told(self) -> Prediction | None:
        """Return what a webhook told, if that will do: an end is only believed when a GET says it."""
        told, self._life.heard = self._life.heard, None
        if told is None or told.id != self._life.run.prediction_id or outcome.is_over(told):
            return None
        return told

    async def _its_turn(self, *, urgent: bool) -> None:
        """Wait for a routine look's turn; what rings meanwhile makes it urgent."""
        urgent = urgent or self._life.stopping or self._listener.verdict is not None
        if not urgent and (delay := self._house.looks.routine_in()) > 0:
            await self._life.bell.wait(timeout=delay)

    async def _look(self) -> Prediction | None:
        life = self._life
        if life.run.prediction_id is None:
            raise RuntimeError("a run without a prediction cannot be followed")
        try:
            prediction = await self._house.looks.look(life.run.prediction_id)
        except NotFound:
            self._missing += 1
            return None
        except ReplicateError:
            self._failures += 1
            if self._failures >= _WARN_AFTER_FAILURES:
                life.worry("looks", "Replicate cannot be reached just now; it is tried again.")
            return None
        self._failures = self._missing = 0
        life.worry("looks", None)
        return prediction

    async def _take(self, prediction: Prediction) -> None:
        """Take in how a prediction that goes on is."""
        life = self._life
        if prediction.status is Status.PROCESSING and life.run.state is RunState.SUBMITTED:
            started = prediction.started_at or self._clock.now()
            await retry_write(
                lambda: self._house.runs.mark_running(life.run.id, started_at=started), self._clock, self._policy
            )
            life.wrote(state=RunState.RUNNING, started_at=started)
        life.logs.read(prediction.logs)
        life.picture.see(prediction.output)
        life.looked()
        self._listener.open(prediction.stream_url)
        begun = life.run.state is RunState.RUNNING or life.phase is Phase.RUNNING
        life.turn(Phase.RUNNING if begun else Phase.STARTING)

    def _end(self, prediction: Prediction) -> Outcome:
        life = self._life
        complete = prediction.status in (Status.SUCCEEDED, Status.OTHER)
        life.picture.settle(prediction.output, complete=complete)
        return outcome.outcome_of_prediction(
            prediction,
            has_output=life.picture.output is not None,
            stopping=life.stopping,
            heard=self._listener.error,
            deadline=self._policy.deadline,
        )

    def _until_due(self) -> timedelta:
        """Return how long from now this watch gives Replicate to end the run."""
        longest = self._policy.deadline + self._policy.overdue
        left = (self._life.run.sent_at or self._life.run.created_at) + longest - self._clock.now()
        return min(max(left, self._policy.overdue), longest)

    @property
    def _overdue(self) -> timedelta:
        """How long ago Replicate should have ended it, as far as this watch could have seen.

        Counted from its beginning in seconds that passed: a wall clock that is set right hours later ends no run.
        """
        return timedelta(seconds=self._clock.monotonic() - self._began) - self._due_after

    @property
    def _lost(self) -> FailureReason | None:
        """Why there is no sense in asking any longer, if so."""
        if self._missing >= _NOT_FOUND_LIMIT and not self._listener.live:
            return failure_reasons.FORGOTTEN
        if self._overdue > self._policy.overdue:
            return failure_reasons.never_finished(self._policy.deadline)
        return None

    def _pause(self) -> float:
        """Return the seconds until the next look, if nothing rings."""
        if failed := max(self._failures, self._missing):
            return self._policy.backoff(failed)
        if self._listener.verdict is not None:
            self._looks_since_done += 1
            return _POLLS_AFTER_STREAM[min(self._looks_since_done, len(_POLLS_AFTER_STREAM)) - 1]
        # Webhooks tell of status, logs and the end; what is made comes by the stream alone.
        webhooks = self._life.run.webhook is not None and self._listener.live
        pause = self._policy.poll_after(self._life.age().total_seconds(), webhooks=webhooks, active=self._house.active)
        if self._life.stopping:
            return min(pause, _CANCELING_POLL_MAX)
        return max(pause, self._policy.poll_beside_stream) if self._flows() else pause

    def _flows(self) -> bool:
        """Whether a text came since the last time: then a GET, with all of it, would tell nothing that is shown."""
        before, self._heard = self._heard, self._listener.heard
        return self._life.picture.writes and self._heard > before and self._life.run.state is RunState.RUNNING
