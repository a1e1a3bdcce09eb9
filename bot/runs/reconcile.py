"""Find the prediction of a create request that got no answer; cancel orphans."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from typing import Any

from bot.backends.replicate.errors import ReplicateError
from bot.backends.replicate.predictions import Prediction
from bot.backends.replicate.types import ModelRef
from bot.clock import Clock
from bot.runs import failure_reasons
from bot.runs.active_run import ActiveRun, Outcome
from bot.runs.input_files import inline_files, is_file
from bot.runs.observer import Observer
from bot.runs.policy import Policy
from bot.runs.ports import Predictions
from bot.runs.snapshot import Phase
from bot.store.models import Run, RunState
from bot.store.runs import Runs

_LONGEST_CREATE = timedelta(minutes=5)
_LONGEST_PAUSE = 15.0
_REMEMBERED = 64
_LOST = Outcome(state=RunState.FAILED, reason=failure_reasons.LOST)


class Match(IntEnum):
    """How surely a prediction is a run's."""

    NONE = 0
    LIKELY = 1  # all that can be compared is the same; a file was stored by Replicate under another name
    CERTAIN = 2


class Reconciler:
    """Looks for lost predictions, with patience."""

    def __init__(
        self, *, predictions: Predictions, runs: Runs, clock: Clock, policy: Policy, observer: Observer
    ) -> None:
        self._predictions = predictions
        self._runs = runs
        self._clock = clock
        self._policy = policy
        self._observer = observer
        self._under_way: dict[str, Run] = {}
        self._searching: dict[str, Run] = {}
        self._lost: deque[Run] = deque(maxlen=_REMEMBERED)

    @contextmanager
    def sending(self, life: ActiveRun) -> Iterator[None]:
        """Know of a create that is under way: until its answer is on disk, its prediction looks like nobody's."""
        self._under_way[life.run.id] = life.run
        try:
            yield
        finally:
            del self._under_way[life.run.id]

    async def find(self, life: ActiveRun) -> Outcome | None:
        """Return None once the prediction is found and is this run's on disk too, else the end of a run without one."""
        life.turn(Phase.RECONCILING)
        if life.given is None:
            life.given = inline_files(life.run.input, await self._runs.load_files(life.run.id))
        self._searching[life.run.id] = life.run
        try:
            found = await self._search(life)
        finally:
            del self._searching[life.run.id]
        if not found:
            self._lost.append(life.run)
        self._observer.searched(life.run, found=found)
        life.given = None
        return None if found else _LOST

    async def _search(self, life: ActiveRun) -> bool:
        began, listed, tries = self._clock.monotonic(), False, 0
        age = max(life.age().total_seconds(), 0.0)  # from here on in seconds that pass: a wall clock may be set
        while True:
            tries += 1
            candidates, ok = await self._candidates(life)
            listed = listed or ok
            for prediction in candidates:
                if await self._runs.mark_submitted(life.run.id, prediction_id=prediction.id):
                    life.wrote(prediction_id=prediction.id, state=RunState.SUBMITTED)
                    return True
            searched = self._clock.monotonic() - began
            patient = age + searched < self._policy.search_patience
            if searched >= self._policy.search_longest:
                return False
            if listed and not patient and not _any_alike(life.run, self._under_way.values()):
                return False
            await life.bell.wait(timeout=min(self._policy.backoff(tries), _LONGEST_PAUSE))

    async def _candidates(self, life: ActiveRun) -> tuple[tuple[Prediction, ...], bool]:
        """Return what may be this run's, the surest first, and whether the list could be read."""
        found = {life.heard.id: life.heard} if life.heard is not None else {}
        ok = True
        try:
            found.update(await self._listed(life))
        except ReplicateError:
            ok = False
        given = life.given or {}
        likeness = {
            id_: match_prediction(life.run, given, one, skew=self._policy.clock_skew) for id_, one in found.items()
        }
        found = {id_: one for id_, one in found.items() if likeness[id_]}
        if not found:
            return (), ok
        owners = await self._runs.find_run_ids(tuple(found))
        free = [one for id_, one in found.items() if id_ not in owners]
        return self._ranked(life, free, likeness), ok

    async def _listed(self, life: ActiveRun) -> dict[str, Prediction]:
        sent_at = life.run.sent_at or life.run.created_at
        skew = self._policy.clock_skew
        return {
            one.id: one
            async for one in self._predictions.list(
                created_after=sent_at - skew, created_before=sent_at + _LONGEST_CREATE + skew
            )
        }

    def _ranked(
        self, life: ActiveRun, free: Iterable[Prediction], likeness: Mapping[str, Match]
    ) -> tuple[Prediction, ...]:
        """Return the certain ones, nearest in time first; a likely one only when it is the only one."""
        free = tuple(free)
        if life.run.webhook is not None:
            by_webhook = tuple(one for one in free if one.webhook == life.run.webhook)
            if by_webhook:
                return by_webhook
        if _any_alike(
            life.run, self._under_way.values()
        ):  # that run's own prediction looks the same and has no owner yet
            return ()
        sent_at = life.run.sent_at or life.run.created_at
        certain = [one for one in free if likeness[one.id] is Match.CERTAIN]
        if certain:
            return tuple(sorted(certain, key=lambda one: abs(one.created_at - sent_at)))
        # Somebody else's picture must never be shown here: one that is only likely must be nobody else's either.
        rivals = (*self._searching.values(), *self._lost)
        return free if len(free) == 1 and not _any_alike(life.run, rivals) else ()


def match_prediction(run: Run, given: Mapping[str, Any], prediction: Prediction, *, skew: timedelta) -> Match:
    """Say how surely ``prediction`` came from the create request of ``run``.

    ``given`` is the input as it was sent; after a restart its large files are still ``file:<n>``.
    """
    if run.webhook is not None and prediction.webhook is not None:
        return Match.CERTAIN if prediction.webhook == run.webhook else Match.NONE
    sent_at = run.sent_at or run.created_at
    if not sent_at - skew <= prediction.created_at <= sent_at + _LONGEST_CREATE + skew:
        return Match.NONE
    if not _same_model(ModelRef.parse(run.target), prediction):
        return Match.NONE
    return _same_input(run.input, given, prediction.input)


def _same_model(target: ModelRef, prediction: Prediction) -> bool:
    if target.version is not None:
        return prediction.version == target.version
    if target.deployment:
        return prediction.deployment in (target.model, target.name)
    return prediction.model == target.model


def _same_input(named: Mapping[str, Any], given: Mapping[str, Any], theirs: Mapping[str, Any]) -> Match:
    """Compare inputs; ``named`` tells which of their values are files."""
    likeness = Match.CERTAIN
    for name, value in given.items():
        if name not in theirs:
            return Match.NONE
        likeness = min(likeness, _same_value(named.get(name), value, theirs[name]))
    # More than was sent: Replicate added defaults, or it is another request.
    return likeness if theirs.keys() <= given.keys() else min(likeness, Match.LIKELY)


def _same_value(named: Any, value: Any, theirs: Any) -> Match:
    if value == theirs:
        return Match.CERTAIN
    if is_file(named):
        stored = isinstance(theirs, str) and theirs.startswith(("http://", "https://"))
        return Match.LIKELY if stored else Match.NONE
    if isinstance(value, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(value) == len(theirs):
        names = named if isinstance(named, (list, tuple)) and len(named) == len(value) else [None] * len(value)
        each = zip(names, value, theirs, strict=True)
        return min((_same_value(*three) for three in each), default=Match.CERTAIN)
    return Match.NONE


def _any_alike(run: Run, others: Iterable[Run]) -> bool:
    """Tell whether another run would look the same in the list, its files apart."""
    return any(other.id != run.id and (other.target, other.input) == (run.target, run.input) for other in others)


log = logging.getLogger(__name__)


class OrphanCanceller:
    """Cancels predictions whose webhook comes when their run has ended without them.

    That happens when a create got no answer and the search gave up too soon: nobody will see what it makes.
    """

    def __init__(self, *, predictions: Predictions, runs: Runs) -> None:
        self._predictions = predictions
        self._runs = runs
        self.tasks: set[asyncio.Task[None]] = set()

    def check(self, run_id: str, prediction: Prediction) -> None:
        """See to a prediction that is said to be ``run_id``'s, in a task of its own."""
        if prediction.status.terminal:
            return
        task = asyncio.create_task(self._check(run_id, prediction), name=f"stray of run {run_id}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _check(self, run_id: str, prediction: Prediction) -> None:
        try:
            run = await self._runs.get(run_id)
            if run is None or not run.state.terminal or run.prediction_id is not None:
                return
            # The address alone proves nothing: a webhook can be replayed at another run's.
            if run.webhook is None or prediction.webhook != run.webhook:
                return
            log.warning("a prediction turned up after its run was given up", extra={"run": run_id})
            await self._predictions.cancel(prediction.id)
        except ReplicateError:
            log.warning("a stray prediction could not be cancelled", extra={"run": run_id})
        except Exception:
            log.exception("a stray prediction could not be looked at", extra={"run": run_id})
