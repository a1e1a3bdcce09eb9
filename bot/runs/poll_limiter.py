"""Limits the polls of all runs together: so many at once and a minute."""

import asyncio
from typing import Final

from bot.backends.replicate.predictions import Prediction, Predictions
from bot.clock import Clock
from bot.runs.policy import Policy
from bot.sliding_window import SlidingWindow

_MINUTE: Final = 60.0
_SLEEP_MIN: Final = 0.001  # a shorter sleep could be rounded away, without end


class PollLimiter:
    """Polls predictions for all runs.

    Routine polls leave room in the minute for urgent ones, after which the end of a run or a cancel is shown: they are
    made when ``routine_delay`` has passed. ``tracked`` counts the runs that are polled.
    """

    def __init__(self, predictions: Predictions, *, clock: Clock, policy: Policy) -> None:
        self.tracked = 0
        self._predictions = predictions
        self._clock = clock
        self._routine_per_minute = policy.routine_polls_per_minute
        self._window = SlidingWindow(policy.polls_per_minute, _MINUTE)
        self._next_routine = 0.0
        self._slots = asyncio.Semaphore(policy.concurrent_polls)

    def routine_delay(self) -> float:
        """Return the seconds until a routine poll may be made.

        Once the minute is full, each caller gets a time of its own.
        """
        now, limit = self._clock.monotonic(), self._routine_per_minute
        if self._window.free_at(now, limit=limit) <= now:
            return 0.0
        self._next_routine = max(self._next_routine, now) + _MINUTE / limit
        return self._next_routine - now

    async def poll(self, prediction_id: str) -> Prediction:
        """Return the prediction as it is now; errors are those of the client."""
        # Before a slot is taken: waiting for the minute must not hold up others.
        while (free_at := self._window.free_at(now := self._clock.monotonic())) > now:
            await self._clock.sleep(max(free_at - now, _SLEEP_MIN))
        self._window.record(now)
        async with self._slots:
            return await self._predictions.get(prediction_id)
