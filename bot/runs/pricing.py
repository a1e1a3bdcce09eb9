"""What runs are expected to cost and to take, and what they have cost when they end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from cachetools import TTLCache

from bot.aio import race
from bot.backends.prediction import Prediction, Status
from bot.backends.target import is_served
from bot.clock import Clock
from bot.errors import Refused
from bot.language import _
from bot.money.cost import Ran, RunSample, estimate_cost, sample_run, true_cost, usual_milliseconds
from bot.money.prices import NO_PRICES, Price, PriceTable
from bot.runs.outcome import FailureCode, Outcome
from bot.store.errors import StoreError
from bot.store.models import Run, RunState, StepPlan

log = structlog.get_logger(__name__)

ReadHistory = Callable[[str], Awaitable[Sequence[RunSample]]]

_HISTORIES: Final = 256  # of commands, held in memory
_HISTORY_SECONDS: Final = 30.0
_HISTORY_WAIT: Final = 1.0  # people wait for it, and Discord does for three seconds
_NEVER_BILLED: Final = frozenset({FailureCode.LOST.value, FailureCode.FORGOTTEN.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a run will cost, in micro-dollars, and how many seconds it usually takes; None if that is not known."""

    cost: int | None = None
    seconds: int | None = None


async def _no_history(_subject: str) -> Sequence[RunSample]:
    return ()


class Pricing:
    """Answers from the price table and from earlier runs.

    ``unknown`` is what a run without a price on Replicate counts as, in micro-dollars; None if it may not start. Of a
    server of one's own nobody is billed: such a run costs what the table says of its command, else nothing.
    """

    def __init__(
        self,
        prices: PriceTable = NO_PRICES,
        *,
        read_history: ReadHistory = _no_history,
        unknown: int | None = 0,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._prices = prices
        self._read_history = read_history
        self._unknown = unknown
        self._histories: TTLCache[str, Sequence[RunSample]] = TTLCache(_HISTORIES, _HISTORY_SECONDS, clock.monotonic)

    def find_price(self, command: str, target: str) -> Price | None:
        """Return the price of a command with a model."""
        return self._prices.find(command, target)

    async def expect(self, run: Run | StepPlan) -> Expectation:
        """Return what to expect of a run; Refused if its price is not known and such runs may not start."""
        price = self._prices.find(run.command, run.target)
        if price is None and self._unknown is None and not is_served(run.target):
            raise Refused(_("I don't know what this model costs, so it can't run here. Ask the bot's owner to add it."))
        history = await self._load_history(_subject(run))
        milliseconds = usual_milliseconds(history)
        seconds = None if milliseconds is None else max(round(milliseconds / 1000), 1)
        if price is not None:
            cost = estimate_cost(price, run.input, outputs=run.expected, history=history)
            return Expectation(cost=cost, seconds=seconds)
        return Expectation(cost=None if is_served(run.target) else self._unknown or None, seconds=seconds)

    def find_cost(self, run: Run, outcome: Outcome) -> int | None:
        """Return what a run that ends like this has cost, in micro-dollars; None if that is not known."""
        ran = _how_far(run, outcome)
        price = self._prices.find(run.command, run.target)
        if ran is Ran.NOT:
            return 0
        if price is None:
            return None if is_served(run.target) else self._unknown or None
        prediction = outcome.prediction
        if ran is Ran.UNKNOWN and run.estimate is not None:
            return run.estimate
        return true_cost(
            price,
            ran,
            run.input,
            prediction.metrics if prediction is not None else {},
            outputs=run.expected,
            milliseconds=_run_time(prediction),
        )

    def find_prediction_cost(self, command: str, target: str, prediction: Prediction) -> int:
        """Return what a prediction beside those of runs has cost, in micro-dollars; 0 if that is not known."""
        price = self._prices.find(command, target)
        if price is None:
            return 0 if is_served(target) else self._unknown or 0
        ran = _how_far_it_ran(prediction)
        return true_cost(price, ran, {}, prediction.metrics, outputs=1, milliseconds=_run_time(prediction))

    def take_sample(self, run: Run, outcome: Outcome, ended_at: datetime) -> tuple[str, RunSample] | None:
        """Return what a run that succeeded took, with its subject; None for any other."""
        if outcome.state is not RunState.SUCCEEDED or run.sent_at is None or outcome.prediction is None:
            return None
        sample = sample_run(
            self._prices.find(run.command, run.target),
            outcome.prediction.metrics,
            milliseconds=max(_to_milliseconds(run.sent_at, ended_at), 0),
            outputs=run.expected or 1,
        )
        return _subject(run), sample

    async def _load_history(self, subject: str) -> Sequence[RunSample]:
        cached = self._histories.get(subject)
        if cached is not None:
            return cached
        try:
            history = await race(self._read_history(subject), self._clock.sleep(_HISTORY_WAIT))
        except StoreError as error:
            log.warning("history_not_read", error=str(error))
            return ()
        if history is None:
            return ()
        self._histories[subject] = history
        return history


def _subject(run: Run | StepPlan) -> str:
    """Return what runs that cost and take alike have in common: the command and the model, in any version."""
    return f"{run.command} {run.target if is_served(run.target) else run.target.partition(':')[0]}"


def _how_far(run: Run, outcome: Outcome) -> Ran:
    prediction = outcome.prediction
    if run.prediction_id is None or outcome.state is RunState.ABORTED:
        return Ran.NOT
    if outcome.reason is not None and outcome.reason.code.value in _NEVER_BILLED:
        return Ran.NOT
    return Ran.UNKNOWN if prediction is None else _how_far_it_ran(prediction)


def _how_far_it_ran(prediction: Prediction) -> Ran:
    if prediction.status is Status.SUCCEEDED:
        return Ran.COMPLETELY
    if prediction.status is Status.ABORTED or (prediction.started_at is None and not prediction.metrics):
        return Ran.NOT
    return Ran.PARTLY


def _run_time(prediction: Prediction | None) -> int | None:
    if prediction is None or prediction.started_at is None or prediction.completed_at is None:
        return None
    return max(_to_milliseconds(prediction.started_at, prediction.completed_at), 0)


def _to_milliseconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)
