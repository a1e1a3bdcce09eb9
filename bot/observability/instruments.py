"""What the rooms tell, as metrics and log lines: each meter here is one room's observer."""

import structlog

from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.runs import Run

log = structlog.get_logger(__name__)


class RunMeter:
    """Counts runs, times them, and logs each one's turns.

    It is an ``Observer`` and a ``Meter``. When a run that was picked up showed its first
    output nobody knows: it may have been in a former life.
    """

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def reserved(self, run: Run) -> None:
        """Count a run that began."""
        self._metrics.run_reserved(run.command)
        log.info("run_reserved", run=run.id, command=run.command)

    def recovered(self, run: Run, step: str) -> None:
        """Count a run that a restart picked up."""
        self._metrics.run_recovered(step)
        log.info("run_recovered", run=run.id, prediction=run.prediction_id, step=step)

    def waited(self, run: Run, took: float) -> None:
        """Time the wait for a run's turn."""
        self._metrics.run_left_queue(took)
        log.debug("run_left_queue", run=run.id, took=round(took, 3))

    def created(self, run: Run, outcome: str, took: float) -> None:
        """Log how a create request went; the wire's meter counts it."""
        level = log.info if outcome == "ok" else log.warning
        level("create_sent", run=run.id, prediction=run.prediction_id, outcome=outcome, took=_ms(took))

    def searched(self, run: Run, *, found: bool) -> None:
        """Log whether a prediction that nobody confirmed was found."""
        log.warning(
            "create_reconciled",
            run=run.id,
            prediction=run.prediction_id,
            found=found,
        )

    def looked(self, *, ok: bool) -> None:
        """Leave it to the wire's meter."""

    def stream_lost(self, run: Run) -> None:
        """Log that a run goes on by polling alone."""
        log.info("stream_lost", run=run.id, prediction=run.prediction_id)

    def ended(self, run: Run) -> None:
        """Count and log a run's end."""
        self._metrics.run_ended(run.command, run.state.value)
        log.info("run_ended", run=run.id, prediction=run.prediction_id, end=run.state.value, cause=run.cause)

    def delivered(self, run: Run, took: float) -> None:
        """Time a run from its command to its last page."""
        self._metrics.run_delivered(run.command, run.state.value, self._age(run))
        log.info("run_delivered", run=run.id, prediction=run.prediction_id, took=_ms(took))

    def broke(self, run: Run, error: BaseException) -> None:
        """Count and log what nobody expected."""
        self._metrics.unexpected_error("runs")
        log.error("run_failed_unexpectedly", run=run.id, prediction=run.prediction_id, exc_info=error)

    def _age(self, run: Run) -> float:
        return (self._clock.now() - run.created_at).total_seconds()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
