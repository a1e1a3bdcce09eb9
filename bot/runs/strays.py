"""Strays: predictions that turn up after their run was given up."""

import asyncio
import logging

from bot.replicate.errors import ReplicateError
from bot.replicate.prediction import Prediction
from bot.runs.ports import Predictions
from bot.store.runs import Runs

log = logging.getLogger(__name__)


class Strays:
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
