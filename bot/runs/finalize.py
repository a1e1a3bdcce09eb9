"""Finish: the end on disk, the last files, the last page in Discord."""

import logging
from typing import Any

from bot.clock import Clock
from bot.runs.active_run import ActiveRun, Outcome
from bot.runs.observer import Observer
from bot.runs.policy import Policy, retry_write
from bot.runs.snapshot import DeliveryResult, Phase, RunSnapshot
from bot.store.runs import Runs

log = logging.getLogger(__name__)


class Finalizer:
    """Ends runs, each once, and delivers what they came to."""

    def __init__(self, *, runs: Runs, clock: Clock, policy: Policy, observer: Observer) -> None:
        self._runs = runs
        self._clock = clock
        self._policy = policy
        self._observer = observer

    async def finish(self, life: ActiveRun, end: Outcome) -> None:
        """Write the end and deliver it; who did not win the end leaves the rest to the winner."""
        changes = _row(life, end) | {"ended_at": self._clock.now()}
        written = {name: value for name, value in changes.items() if name != "ended_at"}
        won = await retry_write(
            lambda: self._runs.mark_ended(life.run.id, at=changes["ended_at"], **written), self._clock, self._policy
        )
        if not won:
            log.warning("a run had ended already", extra={"run": life.run.id})
            return
        life.wrote(**{name: value for name, value in changes.items() if value is not None})
        self._observer.ended(life.run)
        await self.deliver(life)

    async def deliver(self, life: ActiveRun) -> None:
        """Show the end of a run that is over, and write down that it is shown."""
        if not life.gone:
            life.turn(Phase.DELIVERING)
            await life.picture.finished(self._clock, self._policy.download_longest)
            await self._hand_over(life, life.finish())
        await retry_write(
            lambda: self._runs.mark_delivered(life.run.id, at=self._clock.now()), self._clock, self._policy
        )
        ended = life.run.ended_at or self._clock.now()
        self._observer.delivered(life.run, (self._clock.now() - ended).total_seconds())

    async def _hand_over(self, life: ActiveRun, page: RunSnapshot) -> None:
        tries = 0
        while not life.gone:
            tries += 1
            life.delicate = True
            try:
                delivery = await life.view.finish(page)
            except Exception:  # whatever broke there, the result is here and is tried again
                log.exception("the last page of a run could not be shown", extra={"run": life.run.id})
                delivery = DeliveryResult.LATER
            finally:
                life.delicate = False
            if delivery is not DeliveryResult.LATER:
                life.settled = True
                return
            if self._clock.now() - (page.run.ended_at or page.run.created_at) > self._policy.delivery_longest:
                log.error("the last page of a run was given up", extra={"run": life.run.id})
                return
            await self._clock.sleep(self._policy.backoff(tries))


def _row(life: ActiveRun, end: Outcome) -> dict[str, Any]:
    """Return what the row gets with its end."""
    return {
        "state": end.state,
        "failure": end.reason.sentence if end.reason else None,
        "cause": end.reason.cause if end.reason else None,
        "output": life.picture.output,
        "metrics": dict(end.prediction.metrics) if end.prediction else {},
        "started_at": end.prediction.started_at if end.prediction else None,
    }
