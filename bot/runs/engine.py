"""Engine: the one owner of every run's life.

A run's states, and who moves them. Every move is one compare-and-set in the store, made by the run's own task::

    reserved ──► submitted ──► running ──► succeeded | failed | canceled | aborted ──► delivered
       │  ▲          │            │           ▲
       │  └ unsent   │            │           │     Engine.start     reserved
       └─────────────┴────────────┴───────────┘     Submitter        sent, unsent, submitted
                                                    Finder           submitted
                                                    Follower         running
                                                    Finisher         ended, delivered
                                                    Engine.cancel    cancel_requested (a column, by anybody)

What keeps money safe:

1. The intent is on disk (``reserved``) before anything leaves.
2. ``sent`` is on disk before the create request leaves, and is refused once a cancel is requested.
3. A create request that was perhaps accepted is never sent again: ``sent`` without a prediction's id leads to looking
   for it, in this life and in every later one. Only what surely was not accepted goes back to ``unsent``.
4. A prediction belongs to one run (the store refuses a second), and a run has one prediction.
5. One ``ended`` wins; the winner alone delivers, and a restart delivers only what is not ``delivered``.
6. A cancel is on disk before it is acted upon, so that a restart goes on asking.
7. ``Cancel-After`` ends at Replicate what no bot comes back for.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from bot.aio import WakeEvent, cancel_and_wait, race
from bot.backends.replicate.errors import ReplicateError
from bot.backends.replicate.predictions import Prediction
from bot.clock import Clock
from bot.errors import Refused
from bot.observability.logs import bind_run
from bot.runs import failure_reasons
from bot.runs.active_run import ActiveRun, Outcome
from bot.runs.create import Creator
from bot.runs.create_queue import CreateQueue
from bot.runs.finalize import Finalizer
from bot.runs.input_files import ThumbnailLoader
from bot.runs.observer import Observer, Silence
from bot.runs.output_buffer import OutputBuffer
from bot.runs.policy import Policy
from bot.runs.poll_limiter import PollLimiter
from bot.runs.ports import GathererFor, Replicate
from bot.runs.reconcile import OrphanCanceller, Reconciler
from bot.runs.recover import RecoveryStep, next_step
from bot.runs.request import Request
from bot.runs.snapshot import FindMissedCancel, OpenReply, Phase, Reply
from bot.runs.track import Tracker
from bot.store.models import Run, RunState
from bot.store.runs import Runs

log = logging.getLogger(__name__)

RESTARTING = "The bot is restarting. Try again in a minute."
DELETED = "message deleted"  # who asked for the end of a run whose message is no more


class CancelResult(StrEnum):
    """What became of a cancel."""

    REQUESTED = "requested"  # it is on disk and on its way
    ALREADY = "already"  # somebody asked before
    OVER = "over"  # there is nothing left to stop
    UNKNOWN = "unknown"  # there is no such run


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What the engine is busy with. ``phases`` counts the runs in memory by what they do."""

    waiting: int
    following: int
    phases: Mapping[Phase, int]


class Engine:
    """Runs runs: starts, follows, stops, ends and delivers each once, also across restarts."""

    def __init__(
        self,
        *,
        replicate: Replicate,
        runs: Runs,
        gather: GathererFor,
        open_view: OpenReply,
        clock: Clock,
        new_id: Callable[[], str],
        policy: Policy,
        observer: Observer | None = None,
    ) -> None:
        observer = observer or Silence()
        self._replicate = replicate
        self._runs = runs
        self._gather = gather
        self._open_view = open_view
        self._clock = clock
        self._new_id = new_id
        self._policy = policy
        self._observer = observer
        self._line = CreateQueue(clock=clock, per_minute=policy.creates_per_minute)
        self._finder = Reconciler(
            predictions=replicate.predictions, runs=runs, clock=clock, policy=policy, observer=observer
        )
        self._submitter = Creator(
            replicate=replicate,
            runs=runs,
            line=self._line,
            finder=self._finder,
            clock=clock,
            policy=policy,
            observer=observer,
        )
        looks = PollLimiter(replicate.predictions, clock=clock, policy=policy, observer=observer)
        self._follower = Tracker(
            replicate=replicate, runs=runs, looks=looks, clock=clock, policy=policy, observer=observer
        )
        self._finisher = Finalizer(runs=runs, clock=clock, policy=policy, observer=observer)
        self._thumbnails = ThumbnailLoader(runs)
        self._strays = OrphanCanceller(predictions=replicate.predictions, runs=runs)
        self._lives: dict[str, ActiveRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._starting: set[str] = set()
        self._early: dict[str, tuple[str, datetime]] = {}
        self._stopping = False

    async def start(self, request: Request) -> Run:
        """Write the intent down and take care of it from here on; Refused with a sentence when it cannot be."""
        if self._stopping:
            raise Refused(RESTARTING)
        run = request.reserve(self._new_id(), self._clock.now())
        self._starting.add(run.id)
        try:
            await self._runs.reserve(
                run,
                request.files,
                active_limit=self._policy.active_per_user,
                daily_limit=self._policy.per_day,
            )
            self._observer.reserved(run)
            if not self._stopping:  # else it waits on disk for the next start
                self._begin(run, RecoveryStep.SEND, request)
        finally:
            self._starting.discard(run.id)
        return run

    async def cancel(self, run_id: str, *, by: str) -> CancelResult:
        """Write down that somebody wants the run to stop, and see to it; ``by`` says who."""
        at = self._clock.now()
        first_to_ask = await self._runs.request_cancel(run_id, by=by, at=at)
        life = self._lives.get(run_id)
        if first_to_ask:
            if life is None:
                self._early[run_id] = (by, at)
            else:
                life.ask_to_stop(by=by, at=at)
            return CancelResult.REQUESTED
        run = await self._runs.get(run_id)
        if run is None:
            return CancelResult.UNKNOWN
        return CancelResult.OVER if run.state.terminal else CancelResult.ALREADY

    async def recover(self, wishes: FindMissedCancel | None = None) -> int:
        """Take up every run whose end is not in Discord; return how many.

        No more at once than ``Policy.recovered_at_once`` are on their way to show again what they showed before: who
        comes later waits, and people who use a command meanwhile do not. ``wishes`` is asked about each run that
        would still be sent, before it is: stopping it then costs nothing.
        """
        taken = 0
        fresh: set[asyncio.Task[None]] = set()
        try:
            for run in await self._runs.list_undelivered():
                if run.id in self._lives or run.id in self._starting or self._stopping:
                    continue
                step = next_step(run, self._clock.now(), patience=self._policy.deadline)
                if step is RecoveryStep.NOTHING:
                    continue
                self._observer.recovered(run, step.value)
                life = self._begin(run, step, wishes=wishes)
                fresh.add(asyncio.create_task(self._caught_up(life), name=f"run {run.id} catches up"))
                taken += 1
                if len(fresh) >= self._policy.recovered_at_once:
                    _, fresh = await asyncio.wait(fresh, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(fresh)
        return taken

    async def _caught_up(self, life: ActiveRun) -> None:
        """Return when a run was looked at and its stream had a moment to say again what it said; soon in any case."""
        await race(life.known.wait(), self._clock.sleep(self._policy.recovered_within))
        await self._clock.sleep(self._policy.replay_within)

    def wake(self, run_id: str, prediction: Prediction | None = None) -> bool:
        """Tell a run that there is news of it; False when it is not one that is being looked after."""
        life = self._lives.get(run_id)
        if life is not None:
            life.tell(prediction)
        elif prediction is not None and run_id not in self._starting and not self._stopping:
            self._strays.check(run_id, prediction)
        return life is not None

    async def stop(self, grace: timedelta) -> None:
        """Take no new runs, show the newest pages, and let go within ``grace``; predictions go on at Replicate.

        A create request or a last edit that is under way gets half of the grace to come to its end.
        """
        self._stopping = True
        began, longest = self._clock.monotonic(), grace.total_seconds()
        await self._line.close()
        while any(life.delicate for life in self._lives.values()):
            if self._clock.monotonic() - began >= longest / 2:
                break
            await self._clock.sleep(0.05)
        views = [life.view for life in self._lives.values()]
        await cancel_and_wait((*self._tasks.values(), *self._strays.tasks))
        left = longest - (self._clock.monotonic() - began)
        await race(_close(views), self._clock.sleep(max(left, 0.0)))

    def snapshot(self) -> EngineStats:
        """Return what the engine is busy with."""
        return EngineStats(
            waiting=len(self._line),
            following=self._follower.active,
            phases=Counter(life.phase for life in self._lives.values()),
        )

    def _begin(
        self, run: Run, step: RecoveryStep, request: Request | None = None, *, wishes: FindMissedCancel | None = None
    ) -> ActiveRun:
        life = ActiveRun(
            run,
            clock=self._clock,
            view=self._open_view(run, on_deleted=partial(self._gone, run.id), recovered=request is None),
            picture=OutputBuffer(run.output_schema, gatherer=self._gather(run), hosts=self._policy.file_hosts),
            thumbnail=request.thumbnail if request else None,
            bell=WakeEvent(self._clock),
            shown_before=step in (RecoveryStep.FOLLOW, RecoveryStep.DELIVER),
        )
        self._lives[run.id] = life
        if run.id in self._early:  # asked while the row was being read
            by, at = self._early.pop(run.id)
            life.ask_to_stop(by=by, at=at)
        living = self._live(life, step, again=request is None, wishes=wishes)
        self._tasks[run.id] = asyncio.create_task(living, name=f"run {run.id}")
        return life

    async def _live(self, life: ActiveRun, step: RecoveryStep, *, again: bool, wishes: FindMissedCancel | None) -> None:
        try:
            try:
                if again:
                    life.thumbnail = await self._thumbnails.again(life.run)
                if step is RecoveryStep.SEND and wishes is not None and (by := await wishes(life.run)) is not None:
                    await self.cancel(life.run.id, by=by)
                with bind_run(life.run.id, prediction=lambda: life.run.prediction_id):
                    await self._lead(life, step)
            except Exception as error:  # noqa: BLE001 - one run's trouble must not be another's
                await self._contain(life, error)
            if not life.settled:  # a view that delivered has closed itself
                await _close((life.view,))
        finally:
            life.known.set()
            await life.picture.close()
            self._lives.pop(life.run.id, None)
            self._tasks.pop(life.run.id, None)

    async def _lead(self, life: ActiveRun, step: RecoveryStep) -> None:
        """Bring the run from ``step`` to its delivery."""
        if step is RecoveryStep.DELIVER:
            life.picture.settle(life.run.output, complete=True)
            await self._finisher.deliver(life)
            return
        await self._finisher.finish(life, await self._bring_to_end(life, step))

    async def _bring_to_end(self, life: ActiveRun, step: RecoveryStep) -> Outcome:
        known: Prediction | Outcome | None = None
        match step:
            case RecoveryStep.STOP:
                return Outcome(state=RunState.CANCELED)
            case RecoveryStep.EXPIRE:
                return Outcome(state=RunState.FAILED, reason=failure_reasons.EXPIRED)
            case RecoveryStep.SEND:
                known = await self._submitter.submit(life)
            case RecoveryStep.FIND:
                known = await self._finder.find(life)
        return known if isinstance(known, Outcome) else await self._follower.follow(life, known)

    async def _contain(self, life: ActiveRun, error: Exception) -> None:
        """End a run that broke in a way nobody expected."""
        log.error("a run broke", extra={"run": life.run.id}, exc_info=error)
        self._observer.broke(life.run, error)
        if life.run.state.terminal:
            return  # the result is on disk; the next start delivers it
        try:
            if life.run.prediction_id is not None:
                with suppress(ReplicateError):  # nobody would see what it makes
                    await self._replicate.predictions.cancel(life.run.prediction_id)
            await self._finisher.finish(life, Outcome(state=RunState.FAILED, reason=failure_reasons.INTERNAL))
        except Exception:  # the row stays as it is for the next start
            log.exception("a broken run could not be ended", extra={"run": life.run.id})

    async def _gone(self, run_id: str) -> None:
        """Stop a run whose message was deleted: nobody would see the rest."""
        life = self._lives.get(run_id)
        if life is not None:
            life.gone = True
        await self.cancel(run_id, by=DELETED)


async def _close(views: Iterable[Reply]) -> None:
    for outcome in await asyncio.gather(*(view.close() for view in views), return_exceptions=True):
        if isinstance(outcome, Exception):
            log.error("a view could not be closed", exc_info=outcome)
