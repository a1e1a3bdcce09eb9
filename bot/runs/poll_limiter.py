"""Looks: GETs of predictions, so many at once and a minute as Replicate allows."""

import asyncio

from bot.backends.replicate.predictions import Prediction
from bot.clock import Clock
from bot.runs.observer import Observer
from bot.runs.policy import Policy
from bot.runs.ports import Predictions
from bot.sliding_window import SlidingWindow


class PollLimiter:
    """Looks at predictions for all runs together.

    Routine looks leave room in the minute for the ones that somebody waits for, the end of a run or a cancel: they
    are made when ``routine_in`` says so.
    """

    def __init__(self, predictions: Predictions, *, clock: Clock, policy: Policy, observer: Observer) -> None:
        self._predictions = predictions
        self._clock = clock
        self._policy = policy
        self._observer = observer
        self._window = SlidingWindow(policy.looks_per_minute, 60.0)
        self._next_routine = 0.0
        self._gate = asyncio.Semaphore(policy.looks_at_once)

    def routine_in(self) -> float:
        """Return in how many seconds a look may be made that nobody waits for; 0.0 for now.

        Once the minute is full, each caller gets a moment of its own.
        """
        now, limit = self._clock.monotonic(), self._policy.routine_looks_per_minute
        if self._window.delay(now, limit=limit) <= 0:
            return 0.0
        self._next_routine = max(self._next_routine, now) + 60.0 / limit
        return self._next_routine - now

    async def look(self, prediction_id: str) -> Prediction:
        """Return the prediction as it is now; errors are the client's."""
        await self._turn()  # before the gate: who waits for the minute holds up nobody
        async with self._gate:
            try:
                prediction = await self._predictions.get(prediction_id)
            except Exception:
                self._observer.looked(ok=False)
                raise
            self._observer.looked(ok=True)
            return prediction

    async def _turn(self) -> None:
        while (delay := self._window.delay(self._clock.monotonic())) > 0:
            await self._clock.sleep(max(delay, 0.001))  # rounding must not make it endless
        self._window.record(self._clock.monotonic())
