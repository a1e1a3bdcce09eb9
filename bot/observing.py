"""What the heart tells, as metrics and log lines. ``bot.runs.observer.Observer`` is its shape."""

import structlog

from bot.clock import Clock
from bot.runs import Run
from bot.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class RunMeter:
    """Counts runs, times them, and logs each one's beginning and end with its ids."""

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def reserved(self, run: Run) -> None:
        """Count a run that began."""
        self._metrics.runs_started.labels(command=run.command).inc()
        self._metrics.runs_active.inc()
        log.info("A run began.", run=run.id, command=run.command)

    def recovered(self, run: Run, step: str) -> None:
        """Count a run that a restart picked up."""
        self._metrics.runs_recovered.labels(step=step).inc()
        self._metrics.runs_active.inc()
        log.info("A run was picked up.", run=run.id, prediction=run.prediction_id, step=step)

    def created(self, run: Run, outcome: str, took: float) -> None:
        """Log how a create request went; the wire's meter counts it."""
        log.debug("A prediction was asked for.", run=run.id, outcome=outcome, took=round(took, 3))

    def searched(self, run: Run, *, found: bool) -> None:
        """Log whether a prediction that nobody confirmed was found."""
        log.warning("A create got no answer; its prediction was looked for.", run=run.id, found=found)

    def looked(self, *, ok: bool) -> None:
        """Leave it to the wire's meter."""

    def heard(self) -> None:
        """Leave stream events uncounted: there are thousands a second."""

    def stream_lost(self, run: Run) -> None:
        """Log that a run goes on by polling alone."""
        log.info("A run goes on without its stream.", run=run.id, prediction=run.prediction_id)

    def ended(self, run: Run) -> None:
        """Count and log a run's end."""
        self._metrics.runs_ended.labels(command=run.command, end=run.state.value).inc()
        log.info("A run ended.", run=run.id, prediction=run.prediction_id, end=run.state.value, cause=run.cause)

    def delivered(self, run: Run, took: float) -> None:
        """Time a run from its command to its last page."""
        self._metrics.runs_active.dec()
        spent = (self._clock.now() - run.created_at).total_seconds()
        self._metrics.run_time.labels(command=run.command, end=run.state.value).observe(spent)
        log.debug("A run was delivered.", run=run.id, took=round(took, 3))

    def broke(self, run: Run, error: BaseException) -> None:
        """Count and log what nobody expected."""
        self._metrics.errors.labels(room="runs").inc()
        log.error("A run was ended by an error of ours.", run=run.id, prediction=run.prediction_id, exc_info=error)
