"""What the rooms tell, as metrics and log lines: each meter here is one room's observer."""

from collections.abc import Sequence

import structlog

from bot.clock import Clock
from bot.observability.discord_metrics import DiscordMetrics
from bot.observability.metrics import Metrics, ReplicateMetrics
from bot.runs import Run
from bot.runs.engine import EngineStats

log = structlog.get_logger(__name__)


class RunMeter:
    """Counts runs, times them, and logs each one's turns.

    It is an ``Observer`` and a ``Meter``. When a run that was picked up showed its first
    output nobody knows: it may have been in a former life.
    """

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._without_content: set[str] = set()

    def reserved(self, run: Run) -> None:
        """Count a run that began."""
        self._metrics.runs_started.labels(command=run.command).inc()
        self._without_content.add(run.id)
        log.info("A run began.", run=run.id, command=run.command)

    def recovered(self, run: Run, step: str) -> None:
        """Count a run that a restart picked up."""
        self._metrics.runs_recovered.labels(step=step).inc()
        log.info("A run was picked up.", run=run.id, prediction=run.prediction_id, step=step)

    def waited(self, run: Run, took: float) -> None:
        """Time the wait for a run's turn."""
        self._metrics.queue_wait.observe(took)
        log.debug("A run had its turn.", run=run.id, took=round(took, 3))

    def created(self, run: Run, outcome: str, took: float) -> None:
        """Log how a create request went; the wire's meter counts it."""
        level = log.info if outcome == "ok" else log.warning
        level("A prediction was asked for.", run=run.id, prediction=run.prediction_id, outcome=outcome, took=_ms(took))

    def searched(self, run: Run, *, found: bool) -> None:
        """Log whether a prediction that nobody confirmed was found."""
        log.warning(
            "A create got no answer; its prediction was looked for.",
            run=run.id,
            prediction=run.prediction_id,
            found=found,
        )

    def looked(self, *, ok: bool) -> None:
        """Leave it to the wire's meter."""

    def stream_lost(self, run: Run) -> None:
        """Log that a run goes on by polling alone."""
        log.info("A run goes on without its stream.", run=run.id, prediction=run.prediction_id)

    def ended(self, run: Run) -> None:
        """Count and log a run's end."""
        self._metrics.runs_ended.labels(command=run.command, end=run.state.value).inc()
        log.info("A run ended.", run=run.id, prediction=run.prediction_id, end=run.state.value, cause=run.cause)

    def shown(self, run: Run, *, age: float, content: bool) -> None:
        """Time how fresh a page was, and when the first output was there."""
        if content:
            self._metrics.staleness.observe(age)
        if content and run.id in self._without_content:
            self._without_content.discard(run.id)
            self._metrics.first_content.labels(command=run.command).observe(self._age(run))

    def delivered(self, run: Run, took: float) -> None:
        """Time a run from its command to its last page."""
        self._without_content.discard(run.id)
        self._metrics.run_time.labels(command=run.command, end=run.state.value).observe(self._age(run))
        log.info("A run was delivered.", run=run.id, prediction=run.prediction_id, took=_ms(took))

    def broke(self, run: Run, error: BaseException) -> None:
        """Count and log what nobody expected."""
        self._metrics.errors.labels(room="runs").inc()
        log.error("A run was ended by an error of ours.", run=run.id, prediction=run.prediction_id, exc_info=error)

    def _age(self, run: Run) -> float:
        return (self._clock.now() - run.created_at).total_seconds()


class TransactionMeter:
    """Times transactions; a ``bot.store.database.Meter``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def did(self, operation: str, seconds: float) -> None:
        """Time one."""
        self._metrics.database.labels(operation=operation).observe(seconds)


class GatewayMeter:
    """Counts how lost connections to Discord came back; its methods are listeners of the client's."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: set[int] = set()

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Count a connection that went on where it broke."""
        self._metrics.gateway_reconnects.labels(kind="resumed").inc()
        log.info("The gateway is back.", shard=shard_id, kind="resumed")

    async def on_shard_ready(self, shard_id: int) -> None:
        """Count a connection that began anew, from its second time on."""
        if shard_id in self._known:
            self._metrics.gateway_reconnects.labels(kind="identified").inc()
            log.info("The gateway is back.", shard=shard_id, kind="identified")
        self._known.add(shard_id)


class Instruments:
    """Every meter there is, over one set of metrics."""

    def __init__(self, *, version: str, clock: Clock) -> None:
        self.metrics = Metrics(version=version)
        self.runs = RunMeter(self.metrics, clock=clock)
        self.database = TransactionMeter(self.metrics)
        self.replicate = ReplicateMetrics(self.metrics)
        self.discord = DiscordMetrics(self.metrics, clock=clock)
        self.gateway = GatewayMeter(self.metrics)

    def fetched(self, count: int) -> None:
        """Count bytes of outputs that arrived."""
        self.metrics.bytes.labels(direction="fetched").inc(count)

    def delivery(self, outcome: str) -> None:
        """Count a webhook delivery."""
        self.metrics.webhooks.labels(outcome=outcome).inc()

    def exposition(self, busy: EngineStats, latencies: Sequence[tuple[int, float]]) -> bytes:
        """Return everything for Prometheus, with what the engine is busy with and each shard's heartbeat as of now."""
        self.metrics.queue_length.set(busy.waiting)
        self.metrics.runs_active.set(sum(busy.phases.values()))
        for shard, seconds in latencies:
            self.metrics.gateway_latency.labels(shard=str(shard)).set(seconds)
        return self.metrics.exposition()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
