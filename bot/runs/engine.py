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
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

import structlog

from bot.aio import cancel_and_wait, race
from bot.backends.backend import Backend, Backends, Places
from bot.backends.prediction import Prediction
from bot.clock import Clock
from bot.errors import Refused
from bot.media.types import InputFile, Media, find_references
from bot.money.budgets import BudgetLimit
from bot.observability.logs import bind_run
from bot.observability.metrics import Metrics
from bot.outputs.materialize import Materializer
from bot.runs.active_run import ActiveRun, WebhookReceived
from bot.runs.create_queue import CreateBudget, CreateQueue
from bot.runs.input_files import InputResolver, ThumbnailLoader
from bot.runs.output_buffer import OutputBuffer
from bot.runs.own_turns import OwnTurns
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.runs.policy import Policy, PollLimiter
from bot.runs.pricing import PricedRun, Pricing
from bot.runs.reconcile import OrphanCanceller, Reconciler
from bot.runs.recover import RecoveryStep, next_step
from bot.runs.run_task import run_task
from bot.runs.services import (
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
from bot.store.models import Place, Run, RunState
from bot.store.quota import ServerQuota
from bot.store.runs import Runs
from bot.worker_pool import WorkerPool

log = structlog.get_logger(__name__)

_STOP_CHECK_EVERY: Final = 0.05


class CancelResult(StrEnum):
    """What happened to a request to cancel a run."""

    REQUESTED = "requested"
    ALREADY_REQUESTED = "already_requested"
    ALREADY_ENDED = "already_ended"
    NOT_FOUND = "not_found"


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
        self._keep_result = keep_result
        self._check_picture = check_picture
        self._on_delivered = on_delivered
        self._ownership = ownership
        self._budget_for = budget_for
        self._count_processes = count_processes
        self._clock = clock
        self._policy = policy
        self._pricing = pricing or Pricing(clock=clock)
        self._own_turns = OwnTurns(runs, policy=policy, clock=clock)
        self._metrics = metrics
        self._workers = workers
        self._open_reply = open_reply
        self._materializer_for = materializer_for
        self._thumbnails = ThumbnailLoader(runs, workers)
        self._backends = backends
        self._services = {backend.name: self._build_services(backend) for backend in backends}
        self._orphans = OrphanCanceller(runs=runs, backends=backends)
        self._active: dict[str, ActiveRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._starting: set[str] = set()
        self._places: dict[int, list[str]] = {}  # of people: the runs that are about to start, in order
        self._early_cancels: dict[str, tuple[int | None, datetime]] = {}  # of runs whose row is being read or written
        self._lost_places: set[str] = set()  # runs where the bot no longer is, whose task has not started
        self._recoveries = 0  # in progress
        self._stopping = False

    def _build_services(self, backend: Backend) -> RunServices:
        inputs = InputResolver(self._runs, backend)
        return RunServices(
            backend=backend,
            runs=self._runs,
            ownership=self._ownership,
            clock=self._clock,
            policy=self._policy,
            metrics=self._metrics,
            open_reply=self._open_reply,
            materializer_for=self._materializer_for,
            pricing=self._pricing,
            own_turns=self._own_turns,
            create_queue=CreateQueue(clock=self._clock, pace=backend.pace, budget=self._budget_for(backend)),
            poll_limiter=PollLimiter(
                backend, clock=self._clock, policy=self._policy, count_processes=self._count_processes
            ),
            inputs=inputs,
            reconciler=Reconciler(
                backend=backend,
                runs=self._runs,
                ownership=self._ownership,
                inputs=inputs,
                clock=self._clock,
                policy=self._policy,
            ),
            thumbnails=self._thumbnails,
            keep_result=self._keep_result,
            check_picture=self._check_picture,
            on_delivered=self._on_delivered,
            workers=self._workers,
        )

    def _services_of(self, run: Run) -> RunServices:
        """Return what a run works with; LookupError if its backend is no longer configured."""
        return self._services[self._backends.of(run.target).name]

    def _has_backend(self, run: Run) -> bool:
        return any(backend.serves(run.target) for backend in self._backends)

    def _next_step(self, run: Run) -> RecoveryStep:
        """Return the next step of a run after a restart, with regard to its backend."""
        if not self._has_backend(run):
            over = run.state.terminal or run.delivered_at is not None
            return next_step(run, self._clock.now(), expire_after=timedelta.max) if over else RecoveryStep.RETIRE
        has_places = isinstance(self._backends.of(run.target).pace, Places)
        waits = has_places or self._policy.waits_for_own
        expire_after = self._policy.place_wait if waits else self._policy.deadline
        return next_step(run, self._clock.now(), expire_after=expire_after)

    def _occupy_places(self, runs: Iterable[Run]) -> None:
        """Let every run that has a prediction, or may have one, occupy its place before others start."""
        for run in runs:
            may_run = run.sent_at is not None and not run.state.terminal and run.id not in self._active
            if may_run and self._has_backend(run) and self.owns(run):
                self._services_of(run).create_queue.occupy(run.id)

    @property
    def _any_services(self) -> RunServices:
        return next(iter(self._services.values()))

    async def _close_queues(self) -> None:
        for services in self._services.values():
            await services.create_queue.close()

    @asynccontextmanager
    async def hold_place(
        self, run_id: str, author_id: int, *, server: ServerQuota | None = None
    ) -> AsyncIterator[None]:
        """Hold a place for a run that is about to start, so that no file is read for one that may not.

        ``server`` are the limits of the server that it is in, beside the bot's own. Refused if the bot is shutting
        down; QuotaExceeded if its author may not start another run.
        """
        if self._stopping:
            raise Restarting
        places = self._places.setdefault(author_id, [])
        before = tuple(places)
        places.append(run_id)
        try:
            await self._runs.check_quota(
                author_id,
                starting=before,
                active_limit=self._policy.active_limit,
                daily_limit=self._policy.per_day,
                server=server,
            )
            yield
        finally:
            places.remove(run_id)
            if not places:
                self._places.pop(author_id, None)

    async def start(
        self,
        run: Run,
        *,
        files: Sequence[InputFile] = (),
        thumbnail: Media | str | None = None,
        server: ServerQuota | None = None,
        limits: Sequence[BudgetLimit] = (),
        roles: frozenset[int] = frozenset(),
    ) -> Run:
        """Write a new run to disk and start its task; ``files`` are those that its input refers to.

        ``server`` are the limits of the server that it is in, beside the bot's own. Its cost is reserved of the budgets
        that are set, also for the author's ``roles``, and of ``limits``.

        Refused if the bot is shutting down, another process is taking over the server, its author may not start another
        run, or it costs more than a budget has left.
        """
        if self._stopping:
            raise Restarting
        self._starting.add(run.id)
        try:
            expected = await self._pricing.expect(PricedRun.of(run))
            run = replace(run, estimate=expected.cost, usual_seconds=expected.seconds)
            run = replace(run, fence=self._ownership.choose_fence(run.place))
            await self._runs.reserve(
                run,
                files,
                active_limit=self._policy.active_limit,
                daily_limit=self._policy.per_day,
                server=server,
                limits=limits,
                roles=roles,
            )
            self._metrics.run_reserved(run.command)
            log.info("run_started", run=run.id, command=run.command)
            if not self._stopping and self.owns(run):  # else whoever owns it next takes it up
                self._start_task(run, RecoveryStep.CREATE, thumbnail=thumbnail)
        except LeaseLost as error:
            raise Restarting from error
        finally:
            self._starting.discard(run.id)
            self._forget_early()
        return run

    async def cancel(self, run_id: str, *, by: int | None) -> CancelResult:
        """Record that a user asked to cancel a run, and cancel it; ``by`` is None if the bot itself does.

        A step of a chain that is over stands for the step that the chain is at now, and no further step starts.

        If the database is locked or full, a run in memory is canceled nevertheless: its prediction may cost money. The
        request is then written as soon as that is possible. StoreError for a run that is not in memory.
        """
        active = self._active.get(run_id)
        result = await self._cancel_run(run_id, by=by)
        if result is not CancelResult.ALREADY_ENDED:
            return result
        run = active.run if active is not None else await self._runs.get(run_id)
        if run is None or run.chain is None or run.chain.is_last:
            return result
        return await self._cancel_chain(run.chain.id, run_id, by=by)

    async def _cancel_chain(self, chain_id: str, run_id: str, *, by: int | None) -> CancelResult:
        found = await self._runs.cancel_chain(chain_id, by_id=by, at=self._clock.now())
        if found is None:
            return CancelResult.ALREADY_ENDED
        current, is_first = found
        if current != run_id:
            return await self._cancel_run(current, by=by)
        return CancelResult.REQUESTED if is_first else CancelResult.ALREADY_REQUESTED

    async def _cancel_run(self, run_id: str, *, by: int | None) -> CancelResult:
        at = self._clock.now()
        active = self._active.get(run_id)
        if active is None:
            is_first = await self._runs.request_cancel(run_id, by_id=by, at=at)
        elif active.is_over:
            active.reply.limit_text()  # its text may still be on the way
            return CancelResult.ALREADY_ENDED
        else:
            is_first = await self._save_cancel(active, by=by, at=at)
        if is_first:
            active = self._active.get(run_id)
            if active is not None:
                active.request_cancel(by=by, at=at)
            elif self._may_start(run_id):
                self._early_cancels[run_id] = (by, at)
            return CancelResult.REQUESTED
        run = await self._runs.get(run_id)
        if run is None:
            return CancelResult.NOT_FOUND
        return CancelResult.ALREADY_ENDED if run.state.terminal else CancelResult.ALREADY_REQUESTED

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
            on_deleted = partial(self._cancel_deleted, run_id)
            active.reply = self._open_reply(active.run, on_deleted=on_deleted, recovered=active.run is before)
            active.show()
        return moved

    async def cancel_out_of_place(self, run_id: str) -> None:
        """Cancel a run whose server the bot has left: nobody sees the rest.

        The end is shown if the interaction's token still reaches the message; that is tried once.
        """
        active = self._active.get(run_id)
        if active is not None:
            active.place_lost = True
        elif self._may_start(run_id):
            self._lost_places.add(run_id)
        await self.cancel(run_id, by=None)

    async def take_over_cancels(self, run_id: str | None = None) -> None:
        """Cancel the runs in memory, or one of them, whose cancel another process has recorded; StoreError if it fails.

        A run that is not in memory yet is read with its cancel, or found when this is called again.
        """
        waiting = [one for one, active in self._active.items() if not active.is_canceling and not active.is_over]
        if run_id is not None:
            waiting = [run_id] if run_id in waiting else []
        for run in await self._runs.list_cancel_requested(waiting) if waiting else ():
            active = self._active.get(run.id)
            if active is not None and not active.is_canceling and run.cancel_requested_at is not None:
                active.request_cancel(by=run.canceled_by_id, at=run.cancel_requested_at)

    def owns(self, run: Run) -> bool:
        """Return whether a run is this process's, by the row that was just read."""
        return self._ownership.seconds_left(run.fence) > 0

    def _may_start(self, run_id: str) -> bool:
        """Whether the task of a run that is not in memory may start at any moment, with a row that was read before."""
        return run_id in self._starting or self._recoveries > 0

    def _forget_early(self) -> None:
        """Forget what came early for runs whose task did not start and, as they are read no more, will not."""
        if not self._recoveries:
            for run_id in self._early_cancels.keys() - self._starting:
                del self._early_cancels[run_id]
            self._lost_places &= self._starting

    async def _save_cancel(self, active: ActiveRun, *, by: int | None, at: datetime) -> bool:
        """Write a cancel of a run in memory, now or when the database works; return whether it is the first."""
        run_id = active.run.id
        if active.is_canceling or active.is_saving_cancel:  # decided here: two writes may be answered in one moment
            return False
        written: list[bool] = []

        async def write() -> None:
            written.append(await self._runs.request_cancel(run_id, by_id=by, at=at))

        active.is_saving_cancel = True
        try:
            await race(active.pending.add(write), self._clock.sleep(self._policy.cancel_save_timeout))
        finally:
            active.is_saving_cancel = False
        return written[0] if written else True

    async def recover(self, find_missed_cancel: FindMissedCancel | None = None, *, fence: int | None = None) -> int:
        """Take up every run that is not delivered, or those with a fence that this process has got; return how many.

        Only so many at a time are on their way to show again what they showed before, so that people who use a command
        meanwhile do not wait. ``find_missed_cancel`` is asked about each run that was never sent: canceling it is free.
        """
        count = 0
        catching_up: set[asyncio.Task[None]] = set()
        self._recoveries += 1
        try:
            undelivered = await self._list_undelivered(fence)
            self._occupy_places(undelivered)
            for run in undelivered:
                if run.id in self._active or run.id in self._starting or self._stopping or not self.owns(run):
                    continue
                step = self._next_step(run)
                if step is RecoveryStep.NOTHING:
                    continue
                self._metrics.run_recovered(step.value)
                log.info("run_recovered", run=run.id, prediction=run.prediction_id, step=step.value)
                first_poll = asyncio.Event()
                self._start_task(
                    run, step, recovered=True, first_poll=first_poll, find_missed_cancel=find_missed_cancel
                )
                catching_up.add(asyncio.create_task(self._catch_up(first_poll), name=f"run {run.id} catches up"))
                count += 1
                if len(catching_up) >= self._policy.concurrent_recoveries:
                    _, catching_up = await asyncio.wait(catching_up, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._recoveries -= 1
            self._forget_early()
            await cancel_and_wait(catching_up)
        return count

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
        elif prediction is not None and run_id not in self._starting and not self._stopping:
            self._orphans.check(run_id, prediction)
        return active is not None

    async def stop(self, grace: timedelta) -> None:
        """Take no new runs, show the newest snapshots, and stop within ``grace``; predictions run on.

        Create requests and final edits in flight get half of the grace to finish.
        """
        self._stopping = True
        clock = self._clock
        began, longest = clock.monotonic(), grace.total_seconds()
        await self._close_queues()
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
        await self._close_queues()
        await cancel_and_wait(self._tasks.values())
        await self._orphans.close()

    def stats(self) -> EngineStats:
        return EngineStats(
            queued=sum(len(services.create_queue) for services in self._services.values()),
            phases=Counter(active.phase for active in self._active.values()),
            unsaved=sum(active.is_unsaved for active in self._active.values()),
            by_backend={
                name: (
                    len(services.create_queue),
                    sum(services.backend.serves(active.run.target) for active in self._active.values()),
                )
                for name, services in self._services.items()
            },
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
        on_deleted = partial(self._cancel_deleted, run.id)
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
        if run.id in self._lost_places:
            self._lost_places.discard(run.id)
            active.place_lost = True
        self._active[run.id] = active
        if run.id in self._early_cancels:
            by, at = self._early_cancels.pop(run.id)
            active.request_cancel(by=by, at=at)
        work = self._run(active, step, recovered=recovered, find_missed_cancel=find_missed_cancel)
        self._tasks[run.id] = asyncio.create_task(work, name=f"run {run.id}")

    async def _run(
        self, active: ActiveRun, step: RecoveryStep, *, recovered: bool, find_missed_cancel: FindMissedCancel | None
    ) -> None:
        run_id = active.run.id
        thumbnail: asyncio.Task[None] | None = None
        # Without its backend a run ends or is delivered, for which any will do.
        services = self._services_of(active.run) if self._has_backend(active.run) else self._any_services
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
        self._start_task(run, self._next_step(run), thumbnail=active.thumbnail)

    async def _load_thumbnail(self, active: ActiveRun) -> None:
        """Show the input image once it is made: the run itself does not wait for it."""
        thumbnail = None
        try:
            thumbnail = await self._thumbnails.load(active.run)
        except Exception:  # the run goes on without it
            log.exception("thumbnail_failed", run=active.run.id)
        finally:
            active.set_thumbnail(thumbnail)

    async def _cancel_deleted(self, run_id: str) -> None:
        """Cancel a run whose message was deleted: nobody would see the rest."""
        active = self._active.get(run_id)
        if active is not None:
            active.message_deleted = True
        await self.cancel(run_id, by=None)


# What a run records after its start, as it is before.
_LIFECYCLE: Final[Mapping[str, Any]] = {
    column.name: column.default if column.default_factory is MISSING else column.default_factory()
    for column in fields(Run)
    if column.default is not MISSING or column.default_factory is not MISSING
}


def repeat_run(run: Run, **changes: Any) -> Run:
    """Return a run that asks for the same as ``run`` and has not been started; ``changes`` has to set a new id."""
    return replace(run, **{**_LIFECYCLE, "state": RunState.RESERVED, **changes})


async def _close_replies(replies: Iterable[Reply]) -> None:
    for result in await asyncio.gather(*(reply.close() for reply in replies), return_exceptions=True):
        if isinstance(result, Exception):
            log.error("reply_not_closed", exc_info=result)
