"""Find the prediction of a create request that got no answer; cancel orphaned predictions."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import IntEnum
from functools import partial
from typing import Any, Final

import structlog

from bot.aio import race
from bot.backends.backend import Backend, Backends
from bot.backends.errors import BackendError
from bot.backends.prediction import Prediction
from bot.clock import Clock
from bot.large_json import LargeJson, load
from bot.media.types import parse_reference
from bot.runs.active_run import ActiveRun, RunEvent, WebhookReceived
from bot.runs.input_files import InputResolver
from bot.runs.outcome import FailureCode, Outcome, deadline_reason
from bot.runs.ownership import Ownership
from bot.runs.policy import Policy
from bot.runs.snapshot import Phase
from bot.store.errors import LeaseLost, StoreError
from bot.store.models import Run, RunState
from bot.store.runs import Runs

log = structlog.get_logger(__name__)

_CREATE_TIMEOUT: Final = timedelta(minutes=5)  # how long after it was sent a request may still create its prediction
_PAUSE_MAX: Final = 15.0
# How runs end of which it is not known whether a prediction exists.
_PREDICTION_UNKNOWN: Final = frozenset({FailureCode.LOST.value, FailureCode.INTERNAL.value})
_TEXT_GROWTH: Final = 4  # JSON may be written longer elsewhere: spaces, 1 as 1.0


class Match(IntEnum):
    """How sure it is that a prediction belongs to a run."""

    NONE = 0
    LIKELY = 1  # everything comparable is the same; Replicate stored a file under another URL
    CERTAIN = 2


class PredictionTaken(Exception):
    """A prediction belongs to another run, or the run that it was created for has ended."""


class Reconciler:
    """Gives each run its one prediction, and finds those of creates that got no answer."""

    def __init__(
        self,
        *,
        backend: Backend,
        runs: Runs,
        ownership: Ownership,
        inputs: InputResolver,
        clock: Clock,
        policy: Policy,
    ) -> None:
        self._backend = backend
        self._runs = runs
        self._ownership = ownership
        self._inputs = inputs
        self._clock = clock
        self._policy = policy
        self._in_flight: set[str] = set()  # runs of this process
        self._assigned: dict[str, str] = {}  # prediction id → run id, until it is on the run's row

    @contextmanager
    def create_in_flight(self, run: Run) -> Iterator[None]:
        """Take into account that until the answer to a create is on disk, its prediction seems to belong to no run."""
        self._in_flight.add(run.id)
        try:
            yield
        finally:
            self._in_flight.discard(run.id)

    async def reconcile(self, active: ActiveRun) -> Outcome | None:
        """Return None once the prediction is found and on the run's row, else how the run ends without one.

        Where the prediction has the run's id there is nothing to find: whether it exists is seen by following it.
        """
        active.enter_phase(Phase.RECONCILING)
        if self._backend.traits.names_predictions:
            await self.assign(active, active.run.id)
            return None
        if active.resolved_input is None:
            active.resolved_input = await self._resolve_input(active)
        found = await self._find(active)
        log.warning("create_reconciled", run=active.run.id, prediction=active.run.prediction_id, found=found)
        active.resolved_input = None
        if found:
            return None
        return Outcome(state=RunState.FAILED, reason=deadline_reason(FailureCode.LOST, active.age()))

    async def assign(self, active: ActiveRun, prediction_id: str) -> None:
        """Give a run its prediction: in memory at once, on its row as soon as the database takes it.

        PredictionTaken if another run has it, or the run has ended. That the run is another process's by now is no
        reason to cancel the prediction: that process follows it.
        """
        owner, state = self._assigned.setdefault(prediction_id, active.run.id), active.run.state
        if owner != active.run.id:
            raise PredictionTaken
        active.update_row(prediction_id=prediction_id, state=RunState.SUBMITTED)
        try:
            await active.pending.add(partial(self._record, active.run.id, prediction_id, active.run.fence))
        except PredictionTaken:
            active.update_row(prediction_id=None, state=state)
            raise
        active.resolved_input = None

    async def _record(self, run_id: str, prediction_id: str, fence: int | None) -> None:
        if not await self._runs.mark_submitted(run_id, prediction_id=prediction_id):
            row = await self._runs.get(run_id)
            if row is not None and row.fence != fence:
                raise LeaseLost
            if row is None or row.prediction_id != prediction_id:  # else an earlier attempt did take effect
                del self._assigned[prediction_id]
                raise PredictionTaken
        del self._assigned[prediction_id]

    async def _resolve_input(self, active: ActiveRun) -> dict[str, Any]:
        failures = 0
        while True:
            try:
                resolved = await self._inputs.resolve_inline(active.run)
            except StoreError:
                failures += 1
                log.warning("files_not_read", run=active.run.id, exc_info=failures == 1)
                active.set_saved(False)
                await self._clock.sleep(self._policy.save_delay(failures))
            else:
                if failures:
                    active.set_saved(True)
                return resolved

    async def _find(self, active: ActiveRun) -> bool:
        began, began_at, was_listed, attempts = self._clock.monotonic(), self._clock.now(), False, 0
        age = max(active.age().total_seconds(), 0.0)  # from here on monotonic: the wall clock may be set
        webhook = _take_webhook(active)
        while True:
            attempts += 1
            # As long as it may take to appear; where Replicate does not answer, or another run is in doubt, longer.
            seconds = self._policy.reconcile_within - age
            is_soon = (was_listed or attempts == 1) and seconds > self._clock.monotonic() - began
            active.set_looked_for_until(
                began_at + timedelta(seconds=seconds if is_soon else self._policy.reconcile_timeout)
            )
            alike = await self._list_alike(active.run)
            candidates, listed = await self._candidates(active, webhook, alike)
            was_listed = was_listed or listed
            for prediction in candidates:
                with suppress(PredictionTaken):
                    await self.assign(active, prediction.id)
                    return True
            elapsed = self._clock.monotonic() - began
            if elapsed >= self._policy.reconcile_timeout:
                return False
            may_appear = age + elapsed < self._policy.reconcile_within
            if was_listed and not may_appear and alike is not None and not any(map(self._is_in_flight, alike)):
                return False
            pause = min(self._policy.backoff(attempts), _PAUSE_MAX)
            event = await race(active.events.get(), self._clock.sleep(pause))
            webhook = _take_webhook(active, event) or webhook

    async def _list_alike(self, run: Run) -> Sequence[Run] | None:
        """Return the other runs, of any process, whose prediction is not known and would look the same, files apart.

        None if they cannot be read now.
        """
        sent_at, span = run.sent_at or run.created_at, _CREATE_TIMEOUT + 2 * self._policy.clock_skew
        try:
            rows = await self._runs.list_unassigned(run.target, sent_from=sent_at - span, sent_until=sent_at + span)
        except StoreError:
            log.warning("alike_runs_not_read", run=run.id, exc_info=True)
            return None
        run_input = next((row.input for row in rows if row.id == run.id), run.input)  # as the database returns them
        assigned = {run.id, *self._assigned.values()}
        unknown = [row for row in rows if row.ended_at is None or row.cause in _PREDICTION_UNKNOWN]
        return [row for row in unknown if row.id not in assigned and row.input == run_input]

    def _is_in_flight(self, run: Run) -> bool:
        """Return whether the create of a run may be under way, so that its prediction seems to belong to no run."""
        if self._ownership.seconds_left(run.fence) > 0:
            return run.id in self._in_flight
        age = self._clock.now() - (run.sent_at or run.created_at)
        return run.ended_at is None and age.total_seconds() < self._policy.reconcile_within

    async def _candidates(
        self, active: ActiveRun, webhook: Prediction | None, alike: Sequence[Run] | None
    ) -> tuple[tuple[Prediction, ...], bool]:
        """Return the predictions that may be this run's, the surest first, and whether they could be listed."""
        found = {webhook.id: webhook} if webhook is not None else {}
        listed = True
        try:
            found.update(await self._list(active.run))
        except BackendError:
            listed = False
        sent_input, skew = active.resolved_input or {}, self._policy.clock_skew
        matches = {id_: self._match(active.run, sent_input, prediction, skew) for id_, prediction in found.items()}
        found = {id_: prediction for id_, prediction in found.items() if matches[id_]}
        if not found:
            return (), listed
        try:
            owners = {**await self._runs.find_run_ids(tuple(found)), **self._assigned}
        except StoreError:
            log.warning("owners_not_read", run=active.run.id, exc_info=True)
            return (), False
        if alike is None:
            return (), False
        free = tuple(one for id_, one in found.items() if owners.get(id_, active.run.id) == active.run.id)
        return self._rank(active.run, free, matches, alike), listed

    def _match(self, run: Run, sent_input: Mapping[str, Any], prediction: Prediction, skew: timedelta) -> Match:
        match = match_prediction(run, sent_input, prediction, skew=skew)
        names_run = run.webhook is not None and prediction.webhook == run.webhook
        return match if names_run or self._backend.is_of_target(prediction, run.target) else Match.NONE

    async def _list(self, run: Run) -> dict[str, Prediction]:
        sent_at, skew = run.sent_at or run.created_at, self._policy.clock_skew
        return {
            prediction.id: prediction
            async for prediction in self._backend.list_created(
                after=sent_at - skew, before=sent_at + _CREATE_TIMEOUT + skew
            )
        }

    def _rank(
        self, run: Run, free: tuple[Prediction, ...], matches: Mapping[str, Match], alike: Sequence[Run]
    ) -> tuple[Prediction, ...]:
        """Return the certain matches, nearest in time first; a likely one only if there is no other."""
        if run.webhook is not None:
            by_webhook = tuple(prediction for prediction in free if prediction.webhook == run.webhook)
            if by_webhook:
                return by_webhook
        if any(map(self._is_in_flight, alike)):  # that run's prediction looks the same and has no owner yet
            return ()
        sent_at = run.sent_at or run.created_at
        certain = [prediction for prediction in free if matches[prediction.id] is Match.CERTAIN]
        if certain:
            return tuple(sorted(certain, key=lambda prediction: abs(prediction.created_at - sent_at)))
        # Nobody may get to see another person's image: a likely match must not be likely for any other run.
        return free if len(free) == 1 and not alike else ()


def _take_webhook(active: ActiveRun, event: RunEvent | None = None) -> Prediction | None:
    """Return the prediction of the newest webhook among the run's events, and drop the events."""
    events = [*([] if event is None else [event]), *active.events.take_all()]
    webhooks = [event.prediction for event in events if isinstance(event, WebhookReceived) and event.prediction]
    return webhooks[-1] if webhooks else None


def match_prediction(run: Run, sent_input: Mapping[str, Any], prediction: Prediction, *, skew: timedelta) -> Match:
    """Return how sure it is that ``prediction`` came from the create request of ``run``.

    ``sent_input`` is the input as it was sent; after a restart its large files are still ``file:<n>``.
    """
    if run.webhook is not None and prediction.webhook is not None:
        return Match.CERTAIN if prediction.webhook == run.webhook else Match.NONE
    sent_at = run.sent_at or run.created_at
    if not sent_at - skew <= prediction.created_at <= sent_at + _CREATE_TIMEOUT + skew:
        return Match.NONE
    return _match_input(run.input, sent_input, prediction.input)


def _match_input(row_input: Mapping[str, Any], sent: Mapping[str, Any], theirs: Mapping[str, Any]) -> Match:
    """Compare inputs; ``row_input`` shows which values of ``sent`` are files."""
    match = Match.CERTAIN
    for name, value in sent.items():
        if name not in theirs:
            return Match.NONE
        match = min(match, _match_value(row_input.get(name), value, theirs[name]))
    # With more inputs than were sent, Replicate added defaults, or it is another request.
    return match if theirs.keys() <= sent.keys() else min(match, Match.LIKELY)


def _match_value(row_value: Any, value: Any, theirs: Any) -> Match:
    if isinstance(theirs, LargeJson):
        theirs = _load_alike(theirs, value)
    if value == theirs:
        return Match.CERTAIN
    if parse_reference(row_value) is not None:
        stored = isinstance(theirs, str) and theirs.startswith(("http://", "https://"))
        return Match.LIKELY if stored else Match.NONE
    if isinstance(value, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(value) == len(theirs):
        is_list = isinstance(row_value, (list, tuple)) and len(row_value) == len(value)
        row_values = row_value if is_list else [None] * len(value)
        return min(
            (_match_value(*three) for three in zip(row_values, value, theirs, strict=True)), default=Match.CERTAIN
        )
    return Match.NONE


def _load_alike(theirs: LargeJson, value: Any) -> Any:
    """Return what a large value of a listed input is; None if it is too long to be the one that was sent."""
    if len(theirs.text) > _TEXT_GROWTH * len(json.dumps(value)):  # what others sent may be megabytes
        return None
    with suppress(ValueError, RecursionError):
        return load(theirs.text)
    return None


class OrphanCanceller:
    """Cancels predictions whose webhook arrives when their run has ended without them.

    That happens when a create got no answer and reconciling ended too early: nobody will see the output.
    """

    def __init__(self, *, runs: Runs, backends: Backends) -> None:
        self._backends = backends
        self._runs = runs
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, run_id: str, prediction: Prediction) -> None:
        """Cancel a prediction in the background, if it was created for ``run_id`` and that run has ended."""
        if prediction.status.terminal:
            return
        task = asyncio.create_task(self._check(run_id, prediction), name=f"orphan of run {run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop the checks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _check(self, run_id: str, prediction: Prediction) -> None:
        try:
            run = await self._runs.get(run_id)
            if run is None or not run.state.terminal or run.prediction_id is not None:
                return
            # The webhook's address proves nothing: a webhook can be replayed to the address of another run.
            if run.webhook is None or prediction.webhook != run.webhook:
                return
            log.warning("orphan_found", run=run_id, prediction=prediction.id)
            await self._backends.of(run.target).cancel(prediction.id)
        except BackendError:
            log.warning("orphan_not_canceled", run=run_id, prediction=prediction.id)
        except Exception:
            log.exception("orphan_check_failed", run=run_id, prediction=prediction.id)
