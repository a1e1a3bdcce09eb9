"""The engine: starts, cancels and recovers runs, and owns the task of each.

The states of a run. Every transition is one compare-and-set in the store, made by the run's own task::

    reserved ──► submitted ──► running ──► succeeded | failed | canceled | aborted ──► delivered
       │  ▲          │            │           ▲
       │  └ unsent   │            │           │     Engine.start     reserved
       └─────────────┴────────────┴───────────┘     create           sent, unsent, submitted
                                                    reconcile        submitted
                                                    track            running
                                                    finalize         ended, delivered
                                                    Engine.cancel    cancel_requested (a column, by anybody)

What keeps money safe:

1. The intent is on disk (``reserved``) before anything is sent.
2. ``sent`` is on disk before the create request is sent, and is refused once a cancel is requested.
3. A create request that was perhaps accepted is never sent again: a run that is ``sent`` and has no prediction is
   reconciled, in this process and after every restart. Only what was certainly not accepted goes back to ``unsent``.
4. A prediction belongs to one run (the store refuses a second), and a run has one prediction.
5. One ``ended`` wins; the winner alone delivers, and a restart delivers only what is not ``delivered``.
6. A cancel is on disk before it is acted upon, so that it is retried after a restart.
7. ``Cancel-After`` ends predictions that no bot comes back for, where the backend knows such a thing; elsewhere the
   bot ends them itself at the deadline.
8. What happened is followed in memory and written when the database takes it (``pending_writes``): a run that is paid
   for keeps its task while the disk is locked or full, and its end is retried for as long as the process lives.
9. Of several processes one owns a run (``ownership``). The others' transitions of it change nothing, and what is sent
   for it is sent while the owner knows that it is the owner.
10. A run has one id, however often its start is tried, and the store takes one run of an id: a second press, a form
    that is submitted twice, or a try after a lost answer starts nothing. Where nobody knows whether a transaction took
    effect, its rows are asked for before anybody is told anything.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bot.aio import cancel_and_wait, race
from bot.backends.backend import Backend, Backends
from bot.backends.prediction import Prediction
from bot.clock import Clock
from bot.errors import Refused
from bot.media.types import InputFile, Media, find_references
from bot.observability.logs import bind_run
from bot.observability.metrics import Metrics
from bot.outputs.materialize import Materializer
from bot.runs.active_run import ActiveRun, WebhookReceived
from bot.runs.cancels import CancelResult, Cancels
from bot.runs.create_queue import CreateBudget, CreateQueue
from bot.runs.held_places import HeldPlace, HeldPlaces
from bot.runs.input_files import InputResolver, ThumbnailLoader
from bot.runs.output_buffer import OutputBuffer
from bot.runs.own_turns import OwnTurns
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.runs.policy import Policy, PollLimiter
from bot.runs.pricing import Pricing
from bot.runs.reconcile import OrphanCanceller, Reconciler
from bot.runs.recover import RecoveryStep
from bot.runs.run_task import run_task
from bot.runs.services import (
    BackendServices,
    CheckPicture,
    KeepResult,
    OnDelivered,
    RunServices,
    check_nothing,
    keep_nothing,
    tell_nobody,
)
from bot.runs.snapshot import FindMissedCancel, OpenReply, Phase, Reply
from bot.store.errors import LeaseLost, StoreError
from bot.store.models import Place, Run
from bot.store.quota import NO_LIMITS, RunLimits
from bot.store.runs import Runs
from bot.worker_pool import WorkerPool

log = structlog.get_logger(__name__)

_STOP_CHECK_EVERY: Final = 0.05


class Restarting(Refused):
    """The bot is shutting down, or another of its processes takes over, so no run can start here at the moment."""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """How many runs are in the create queue, and how many are in memory, by phase.

    ``unsaved``: of how many the database does not take what is to be written. ``by_backend``: how many are queued and
    how many are in memory, by the name of their backend.
    """

    queued: int
    phases: Mapping[Phase, int]
    unsaved: int = 0
    by_backend: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Engine:
    """Owns every run that is not delivered, each exactly once, also across restarts."""

    def __init__(
        self,
        *,
        backends: Backends,
        runs: Runs,
        materializer_for: Callable[[Run], Materializer],
        open_reply: OpenReply,
        clock: Clock,
        policy: Policy,
        metrics: Metrics,
        workers: WorkerPool,
        pricing: Pricing | None = None,
        ownership: Ownership = SOLE_OWNER,
        budget_for: Callable[[Backend], CreateBudget | None] = lambda _: None,
        count_processes: Callable[[], int] = lambda: 1,
        keep_result: KeepResult = keep_nothing,
        check_picture: CheckPicture = check_nothing,
        on_delivered: OnDelivered = tell_nobody,
    ) -> None:
        self._runs = runs
        self._ownership = ownership
        self._clock = clock
        self._policy = policy
        self._pricing = pricing or Pricing(clock=clock)
        self._metrics = metrics
        self._open_reply = open_reply
        self._materializer_for = materializer_for
        self._thumbnails = ThumbnailLoader(runs, workers)
        own_turns = OwnTurns(runs, policy=policy, clock=clock)

        def build_services(backend: Backend) -> RunServices:
            inputs = InputResolver(runs, backend)
            return RunServices(
                backend=backend,
                runs=runs,
                ownership=ownership,
                clock=clock,
                policy=policy,
                metrics=metrics,
                pricing=self._pricing,
                own_turns=own_turns,
                create_queue=CreateQueue(clock=clock, pace=backend.pace, budget=budget_for(backend)),
                poll_limiter=PollLimiter(backend, clock=clock, policy=policy, count_processes=count_processes),
                inputs=inputs,
                reconciler=Reconciler(
                    backend=backend, runs=runs, ownership=ownership, inputs=inputs, clock=clock, policy=policy
                ),
                keep_result=keep_result,
                check_picture=check_picture,
                on_delivered=on_delivered,
                workers=workers,
            )

        self._services = BackendServices(map(build_services, backends))
        self._orphans = OrphanCanceller(runs=runs, backends=backends)
        self._active: dict[str, ActiveRun] = {}
        self._cancels = Cancels(runs, self._active, clock=clock, policy=policy)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = HeldPlaces(runs, policy)
        self._stopping = False

    def hold_place(self, run_id: str, author_id: int, guild_id: int | None = None) -> AbstractContextManager[HeldPlace]:
        """Hold a place for a run that is about to start in a server, so that no file is read for one that may not.

        Refused if the bot is shutting down, AlreadyStarted if the same run is about to start already.
        """
        if self._stopping:
            raise Restarting
        return self._places.hold(run_id, author_id, guild_id)

    async def start(
        self,
        run: Run,
        *,
        files: Sequence[InputFile] = (),
        thumbnail: Media | str | None = None,
        limits: RunLimits = NO_LIMITS,
    ) -> Run:
        """Write a new run to disk and start its task; ``files`` are those that its input refers to.

        ``limits`` hold beside the bot's own; its cost is reserved of every budget that holds for it.

        Refused if the bot is shutting down, another process is taking over the server, its author may not start another
        run, or it costs more than a budget has left. AlreadyStarted if a run with its id was started before.
        """
        if self._stopping:
            raise Restarting
        with self._cancels.starting(run.id):
            expected = await self._pricing.expect(run)
            run = replace(run, estimate=expected.cost, usual_seconds=expected.seconds)
            try:
                run = replace(run, fence=self._ownership.choose_fence(run.place))
                await self._runs.reserve(run, files, self._policy.add_limits(limits))
            except LeaseLost as error:
                raise Restarting from error
            self._metrics.run_reserved(run.command)
            log.info("run_started", run=run.id, command=run.command)
            if not self._stopping and self.owns(run):  # else whoever owns it next takes it up
                self._start_task(run, RecoveryStep.CREATE, thumbnail=thumbnail)
        return run

    async def cancel(self, run_id: str, *, by: int | None) -> CancelResult:
        """Cancel a run for a user, or with None for the bot itself; see ``Cancels.cancel``."""
        return await self._cancels.cancel(run_id, by=by)

    async def cancel_out_of_place(self, run_id: str) -> None:
        """Cancel a run whose server the bot has left; see ``Cancels.cancel_out_of_place``."""
        await self._cancels.cancel_out_of_place(run_id)

    async def take_over_cancels(self, run_id: str | None = None) -> None:
        """Cancel what other processes recorded cancels of; see ``Cancels.take_over``."""
        await self._cancels.take_over(run_id)

    async def move(self, run_id: str, place: Place) -> bool:
        """Let another message show an undelivered run from now on; False if it is not this process's, or is delivered.

        The message before is edited no more. What it shows by then is up to the caller.
        """
        active = self._active.get(run_id)
        if active is None or active.reply_finished:
            return False
        await active.reply.abandon()
        if active.reply_finished:  # it was delivered meanwhile
            return False
        before, moved = active.run, False
        try:
            moved = await self._runs.mark_moved(run_id, place)
            if moved:
                active.update_row(place=place, messages={}, sending=None)
        finally:
            on_deleted = partial(self._cancels.cancel_deleted, run_id)
            active.reply = self._open_reply(active.run, on_deleted=on_deleted, recovered=active.run is before)
            active.show()
        return moved

    def owns(self, run: Run) -> bool:
        """Return whether a run is this process's, by the row that was just read."""
        return self._ownership.seconds_left(run.fence) > 0

    async def recover(self, find_missed_cancel: FindMissedCancel | None = None, *, fence: int | None = None) -> int:
        """Take up every run that is not delivered, or those with a fence that this process has got; return how many.

        Only so many at a time are on their way to show again what they showed before, so that people who use a command
        meanwhile do not wait. ``find_missed_cancel`` is asked about each run that was never sent: canceling it is free.
        """
        count = 0
        catching_up: set[asyncio.Task[None]] = set()
        try:
            with self._cancels.recovering():
                undelivered = await self._list_undelivered(fence)
                self._services.occupy_places(
                    run for run in undelivered if run.id not in self._active and self.owns(run)
                )
                for run in undelivered:
                    first_poll = self._take_up(run, find_missed_cancel)
                    if first_poll is None:
                        continue
                    catching_up.add(asyncio.create_task(self._catch_up(first_poll), name=f"run {run.id} catches up"))
                    count += 1
                    if len(catching_up) >= self._policy.concurrent_recoveries:
                        _, catching_up = await asyncio.wait(catching_up, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(catching_up)
        return count

    def _take_up(self, run: Run, find_missed_cancel: FindMissedCancel | None) -> asyncio.Event | None:
        """Start the task of a run that was read, and return what is set once it was polled; None if it needs none."""
        is_here = run.id in self._active or self._cancels.is_starting(run.id)
        if is_here or self._stopping or not self.owns(run):
            return None
        step = self._services.next_step(run, self._clock.now())
        if step is RecoveryStep.NOTHING:
            return None
        self._metrics.run_recovered(step.value)
        log.info("run_recovered", run=run.id, prediction=run.prediction_id, step=step.value)
        first_poll = asyncio.Event()
        self._start_task(run, step, recovered=True, first_poll=first_poll, find_missed_cancel=find_missed_cancel)
        return first_poll

    async def disown(self, fence: int, *, grace: float) -> None:
        """Stop the runs with a fence, and show and write nothing more of them: they are another process's from now on.

        Create requests in flight get so many seconds to finish: if another process has to find out what became of one,
        its author waits.
        """
        began = self._clock.monotonic()
        lost = {run_id: active for run_id, active in self._active.items() if active.run.fence == fence}
        while any(lost[run_id].uninterruptible for run_id in lost.keys() & self._active.keys()):
            if self._clock.monotonic() - began >= grace:
                break
            await self._clock.sleep(_STOP_CHECK_EVERY)
        await asyncio.gather(*(active.reply.abandon() for active in lost.values()))
        await cancel_and_wait([self._tasks[run_id] for run_id in lost.keys() & self._tasks.keys()])
        log.info("runs_disowned", fence=fence, count=len(lost))

    async def _list_undelivered(self, fence: int | None) -> Sequence[Run]:
        """Return what a restart has to take up, as soon as the database can be read."""
        failures = 0
        while True:
            try:
                return await self._runs.list_undelivered(fence=fence)
            except StoreError:
                failures += 1
                log.warning("runs_not_read", failures=failures, exc_info=failures == 1)
            await self._clock.sleep(self._policy.save_delay(failures))

    async def _catch_up(self, first_poll: asyncio.Event) -> None:
        """Return once a run was polled and its stream had time to repeat what it sent before, or after a timeout."""
        await race(first_poll.wait(), self._clock.sleep(self._policy.recovery_timeout))
        await self._clock.sleep(self._policy.replay_time)

    def on_webhook(self, run_id: str, prediction: Prediction | None = None) -> bool:
        """Wake a run whose webhook was called; False if it is not in memory."""
        active = self._active.get(run_id)
        if active is not None:
            active.events.put(WebhookReceived(prediction))
        elif prediction is not None and not self._cancels.is_starting(run_id) and not self._stopping:
            self._orphans.check(run_id, prediction)
        return active is not None

    async def stop(self, grace: timedelta) -> None:
        """Take no new runs, show the newest snapshots, and stop within ``grace``; predictions run on.

        Create requests and final edits in flight get half of the grace to finish.
        """
        self._stopping = True
        clock = self._clock
        began, longest = clock.monotonic(), grace.total_seconds()
        await self._services.close_queues()
        while any(active.uninterruptible for active in self._active.values()):
            if clock.monotonic() - began >= longest / 2:
                break
            await clock.sleep(_STOP_CHECK_EVERY)
        replies = [active.reply for active in self._active.values()]
        await self.kill()
        left = longest - (clock.monotonic() - began)
        await race(_close_replies(replies), clock.sleep(max(left, 0.0)))

    async def kill(self) -> None:
        """Stop every task at once, and leave the rows to the next start."""
        self._stopping = True
        await self._services.close_queues()
        await cancel_and_wait(self._tasks.values())
        await self._orphans.close()

    def stats(self) -> EngineStats:
        """Return how many runs there are now."""
        by_backend = self._services.count([active.run for active in self._active.values()])
        return EngineStats(
            queued=sum(queued for queued, _ in by_backend.values()),
            phases=Counter(active.phase for active in self._active.values()),
            unsaved=sum(active.is_unsaved for active in self._active.values()),
            by_backend=by_backend,
        )

    def _start_task(
        self,
        run: Run,
        step: RecoveryStep,
        *,
        thumbnail: Media | str | None = None,
        recovered: bool = False,
        first_poll: asyncio.Event | None = None,
        find_missed_cancel: FindMissedCancel | None = None,
    ) -> None:
        on_deleted = partial(self._cancels.cancel_deleted, run.id)
        active = ActiveRun(
            run,
            clock=self._clock,
            policy=self._policy,
            reply=self._open_reply(run, on_deleted=on_deleted, recovered=recovered),
            output=OutputBuffer(
                run.output_schema,
                materializer=self._materializer_for(run),
                file_hosts=self._policy.file_hosts,
                holds_pictures=run.checker is not None,
            ),
            thumbnail=thumbnail,
            shown_before=recovered and step in (RecoveryStep.TRACK, RecoveryStep.DELIVER),
            first_poll=first_poll,
        )
        self._active[run.id] = active
        self._cancels.take_early(active)
        work = self._run(active, step, recovered=recovered, find_missed_cancel=find_missed_cancel)
        self._tasks[run.id] = asyncio.create_task(work, name=f"run {run.id}")

    async def _run(
        self, active: ActiveRun, step: RecoveryStep, *, recovered: bool, find_missed_cancel: FindMissedCancel | None
    ) -> None:
        run_id = active.run.id
        thumbnail: asyncio.Task[None] | None = None
        services = self._services.of(active.run)
        try:
            with bind_run(run_id, prediction=lambda: active.run.prediction_id):
                if active.thumbnail is None and (recovered or find_references(active.run.input)):
                    thumbnail = asyncio.create_task(self._load_thumbnail(active), name=f"thumbnail {run_id}")
                    if recovered:
                        active.await_thumbnail()
                if step is RecoveryStep.CREATE and find_missed_cancel is not None:
                    by = await find_missed_cancel(active.run)
                    if by is not None:
                        await self.cancel(run_id, by=by)
                await run_task(active, step, services)
            if not active.reply_finished:  # a reply that delivered has closed itself
                await _close_replies([active.reply])
        finally:
            if active.first_poll is not None:
                active.first_poll.set()
            await active.pending.close()
            if thumbnail is not None:
                await cancel_and_wait([thumbnail])
            await active.output.close()
            if not self._stopping:
                services.create_queue.release(run_id)
            self._active.pop(run_id, None)
            self._tasks.pop(run_id, None)
        if active.following is not None:
            self._start_following(active, active.following)

    def _start_following(self, active: ActiveRun, run: Run) -> None:
        """Start the next step of a chain, in the message of the step before and with its thumbnail."""
        if self._stopping or run.id in self._active or not self.owns(run):
            return  # whoever owns it next takes it up
        if run.sent_at is None and not run.state.terminal:
            self._metrics.run_reserved(run.command)
            log.info("run_started", run=run.id, command=run.command)
        self._start_task(run, self._services.next_step(run, self._clock.now()), thumbnail=active.thumbnail)

    async def _load_thumbnail(self, active: ActiveRun) -> None:
        """Show the input image once it is made: the run itself does not wait for it."""
        thumbnail = None
        try:
            thumbnail = await self._thumbnails.load(active.run)
        except Exception:  # the run goes on without it
            log.exception("thumbnail_failed", run=active.run.id)
        finally:
            active.set_thumbnail(thumbnail)


async def _close_replies(replies: Iterable[Reply]) -> None:
    for result in await asyncio.gather(*(reply.close() for reply in replies), return_exceptions=True):
        if isinstance(result, Exception):
            log.error("reply_not_closed", exc_info=result)
