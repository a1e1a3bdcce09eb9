"""Stopper: asks Replicate to cancel a prediction until it has taken it in."""

import asyncio
import logging

from bot.aio import cancel_and_wait
from bot.backends.replicate.errors import NotFound, ReplicateError
from bot.clock import Clock
from bot.runs.active_run import ActiveRun
from bot.runs.policy import Policy
from bot.runs.ports import Predictions

log = logging.getLogger(__name__)


class Canceller:
    """Cancels one run's prediction in a task of its own.

    A cancel that fails is asked for again, with growing pauses, and the page says so meanwhile. That Replicate took
    it is not yet the end: the GET says when it is over.
    """

    def __init__(self, life: ActiveRun, *, predictions: Predictions, clock: Clock, policy: Policy) -> None:
        self._life = life
        self._predictions = predictions
        self._clock = clock
        self._policy = policy
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._ask(), name=f"cancel of run {self._life.run.id}")

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            await cancel_and_wait((self._task,))

    async def _ask(self) -> None:
        tries = 0
        while self._life.run.prediction_id is not None:
            tries += 1
            try:
                await self._predictions.cancel(self._life.run.prediction_id)
            except NotFound:
                break  # the GET will say the same, with a sentence
            except ReplicateError as error:
                log.warning(
                    "Replicate did not take a cancel",
                    extra={"run": self._life.run.id, "tries": tries, "error": type(error).__name__},
                )
            else:
                break
            self._life.worry("cancel", "Replicate did not take the cancel yet; it is asked again.")
            await self._clock.sleep(self._policy.backoff(tries))
        self._life.worry("cancel", None)
        self._life.bell.set()
