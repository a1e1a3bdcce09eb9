"""Find: the prediction of a create request that left and got no answer.

It may or may not have been made, and there is no way to ask twice without perhaps paying twice. So it is looked for:
in the list of the account's predictions, and in what a webhook tells. What is found must be this run's and no other's.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from typing import Any

from bot.clock import Clock
from bot.replicate.errors import ReplicateError
from bot.replicate.prediction import Prediction
from bot.replicate.target import Target
from bot.runs import reasons
from bot.runs.inputs import inline, is_file
from bot.runs.life import End, Life
from bot.runs.observer import Observer
from bot.runs.page import Phase
from bot.runs.policy import Policy
from bot.runs.ports import Predictions
from bot.store.run import Run, RunState
from bot.store.runs import Runs

_LONGEST_CREATE = timedelta(minutes=5)
_LONGEST_PAUSE = 15.0
_REMEMBERED = 64
_LOST = End(state=RunState.FAILED, reason=reasons.LOST)


class Likeness(IntEnum):
    """How surely a prediction is a run's."""

    NONE = 0
    LIKELY = 1  # all that can be compared is the same; a file was stored by Replicate under another name
    CERTAIN = 2


class Finder:
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
    def sending(self, life: Life) -> Iterator[None]:
        """Know of a create that is under way: until its answer is on disk, its prediction looks like nobody's."""
        self._under_way[life.run.id] = life.run
        try:
            yield
        finally:
            del self._under_way[life.run.id]

    async def find(self, life: Life) -> End | None:
        """Return None once the prediction is found and is this run's on disk too, else the end of a run without one."""
        life.turn(Phase.SEARCHING)
        if life.given is None:
            life.given = inline(life.run.input, await self._runs.files(life.run.id))
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

    async def _search(self, life: Life) -> bool:
        began, listed, tries = self._clock.monotonic(), False, 0
        age = max(life.age().total_seconds(), 0.0)  # from here on in seconds that pass: a wall clock may be set
        while True:
            tries += 1
            candidates, ok = await self._candidates(life)
            listed = listed or ok
            for prediction in candidates:
                if await self._runs.submitted(life.run.id, prediction_id=prediction.id):
                    life.wrote(prediction_id=prediction.id, state=RunState.SUBMITTED)
                    return True
            searched = self._clock.monotonic() - began
            patient = age + searched < self._policy.search_patience
            if searched >= self._policy.search_longest:
                return False
            if listed and not patient and not _any_alike(life.run, self._under_way.values()):
                return False
            await life.bell.heard(within=min(self._policy.backoff(tries), _LONGEST_PAUSE))

    async def _candidates(self, life: Life) -> tuple[tuple[Prediction, ...], bool]:
        """Return what may be this run's, the surest first, and whether the list could be read."""
        found = {life.heard.id: life.heard} if life.heard is not None else {}
        ok = True
        try:
            found.update(await self._listed(life))
        except ReplicateError:
            ok = False
        given = life.given or {}
        likeness = {id_: compare(life.run, given, one, skew=self._policy.clock_skew) for id_, one in found.items()}
        found = {id_: one for id_, one in found.items() if likeness[id_]}
        if not found:
            return (), ok
        owners = await self._runs.owners(tuple(found))
        free = [one for id_, one in found.items() if id_ not in owners]
        return self._ranked(life, free, likeness), ok

    async def _listed(self, life: Life) -> dict[str, Prediction]:
        sent_at = life.run.sent_at or life.run.created_at
        skew = self._policy.clock_skew
        return {
            one.id: one
            async for one in self._predictions.list(
                created_after=sent_at - skew, created_before=sent_at + _LONGEST_CREATE + skew
            )
        }

    def _ranked(
        self, life: Life, free: Iterable[Prediction], likeness: Mapping[str, Likeness]
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
        certain = [one for one in free if likeness[one.id] is Likeness.CERTAIN]
        if certain:
            return tuple(sorted(certain, key=lambda one: abs(one.created_at - sent_at)))
        # Somebody else's picture must never be shown here: one that is only likely must be nobody else's either.
        rivals = (*self._searching.values(), *self._lost)
        return free if len(free) == 1 and not _any_alike(life.run, rivals) else ()


def compare(run: Run, given: Mapping[str, Any], prediction: Prediction, *, skew: timedelta) -> Likeness:
    """Say how surely ``prediction`` came from the create request of ``run``.

    ``given`` is the input as it was sent; after a restart its large files are still ``file:<n>``.
    """
    if run.webhook is not None and prediction.webhook is not None:
        return Likeness.CERTAIN if prediction.webhook == run.webhook else Likeness.NONE
    sent_at = run.sent_at or run.created_at
    if not sent_at - skew <= prediction.created_at <= sent_at + _LONGEST_CREATE + skew:
        return Likeness.NONE
    if not _same_model(Target.parse(run.target), prediction):
        return Likeness.NONE
    return _same_input(run.input, given, prediction.input)


def _same_model(target: Target, prediction: Prediction) -> bool:
    if target.version is not None:
        return prediction.version == target.version
    if target.deployment:
        return prediction.deployment in (target.model, target.name)
    return prediction.model == target.model


def _same_input(named: Mapping[str, Any], given: Mapping[str, Any], theirs: Mapping[str, Any]) -> Likeness:
    """Compare inputs; ``named`` tells which of their values are files."""
    likeness = Likeness.CERTAIN
    for name, value in given.items():
        if name not in theirs:
            return Likeness.NONE
        likeness = min(likeness, _same_value(named.get(name), value, theirs[name]))
    # More than was sent: Replicate added defaults, or it is another request.
    return likeness if theirs.keys() <= given.keys() else min(likeness, Likeness.LIKELY)


def _same_value(named: Any, value: Any, theirs: Any) -> Likeness:
    if value == theirs:
        return Likeness.CERTAIN
    if is_file(named):
        stored = isinstance(theirs, str) and theirs.startswith(("http://", "https://"))
        return Likeness.LIKELY if stored else Likeness.NONE
    if isinstance(value, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(value) == len(theirs):
        names = named if isinstance(named, (list, tuple)) and len(named) == len(value) else [None] * len(value)
        each = zip(names, value, theirs, strict=True)
        return min((_same_value(*three) for three in each), default=Likeness.CERTAIN)
    return Likeness.NONE


def _any_alike(run: Run, others: Iterable[Run]) -> bool:
    """Tell whether another run would look the same in the list, its files apart."""
    return any(other.id != run.id and (other.target, other.input) == (run.target, run.input) for other in others)
