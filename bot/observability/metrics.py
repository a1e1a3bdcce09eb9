"""Prometheus metrics.

Names and labels are read by the dashboards and alerts of the people who run the bot: they stay as they are.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

# Bucket bounds in seconds. Discord gives 3 s to acknowledge; a reply should be at most a second old; runs take seconds
# to half an hour.
_REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
_STALENESS_BUCKETS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_RUN_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0)
_TRANSACTION_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Every metric of the bot, in a registry of its own. All spans are in seconds.

    The methods count events; none of them waits or fails. Each takes plain values, so that every package can call them.
    """

    def __init__(self, *, version: str = "", process: bool = True) -> None:
        self.registry = CollectorRegistry()
        if process:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=self.registry)
        self._create_run_metrics()
        self._create_discord_metrics()
        self._create_replicate_metrics()
        self._create_cluster_metrics()
        self.database = self._histogram("database_seconds", "Transactions.", _TRANSACTION_BUCKETS, "operation")
        Info("replicord_build", "The version of the bot.", registry=self.registry).info({"version": version})

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format, of the content type ``CONTENT_TYPE``."""
        return generate_latest(self.registry)

    def run_reserved(self, command: str) -> None:
        """Count a new run."""
        self.runs_started.labels(command=command).inc()

    def run_recovered(self, step: str) -> None:
        """Count a run taken up after a restart, by the step that was due."""
        self.runs_recovered.labels(step=step).inc()

    def run_left_queue(self, waited: float) -> None:
        """Count a run whose turn in the create queue has come."""
        self.queue_wait.observe(waited)

    def create_sent(self, backend: str, outcome: str) -> None:
        """Count a create: "ok", "no_place", "throttled", "not_sent", "no_answer", "refused" or "error"."""
        self.backend_creates.labels(backend=backend, outcome=outcome).inc()

    def run_ended(self, command: str, state: str, *, cost: int = 0) -> None:
        """Count a run that reached a terminal state, and what it has cost in micro-dollars."""
        self.runs_ended.labels(command=command, end=state).inc()
        self.cost.labels(command=command).inc(cost / 1_000_000)

    def budgets_read(self, reserved: int, left: Mapping[tuple[str, str, str], int]) -> None:
        """Say what is reserved, and what budgets have left by key, period and owner; in micro-dollars."""
        self.cost_reserved.set(reserved / 1_000_000)
        self.budget_left.clear()
        for (key, period, owner), amount in left.items():
            self.budget_left.labels(budget=key, period=period, owner=owner).set(amount / 1_000_000)

    def run_delivered(self, command: str, state: str, seconds: float) -> None:
        """Count a run whose final reply is in Discord, ``seconds`` after its slash command."""
        self.run_time.labels(command=command, end=state).observe(seconds)

    def output_shown(self, age: float) -> None:
        """Count an edit with output whose newest part was ``age`` seconds old when Discord had it."""
        self.staleness.observe(age)

    def first_output_shown(self, command: str, seconds: float) -> None:
        """Count a run whose first output is in Discord, ``seconds`` after its slash command."""
        self.first_content.labels(command=command).observe(seconds)

    def unexpected_error(self, component: str) -> None:
        """Count an error that no code expects; ``component`` is the package it was caught in ("runs", "ui")."""
        self.errors.labels(component=component).inc()

    def replicate_request_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a request to Replicate.

        ``operation`` is "predictions.create" and the like; ``outcome`` a status code, "not_sent" or "no_answer".
        """
        self.requests.labels(operation=operation, outcome=outcome).observe(seconds)
        if outcome == "429":
            self.throttled.labels(transport="replicate").inc()
        if operation == "predictions.create":
            self.creates.labels(outcome=_outcome_class(outcome)).inc()
        if operation == "predictions.cancel":
            self.cancels.labels(outcome=_outcome_class(outcome)).inc()

    def stream_interrupted(self, reason: str) -> None:
        """Count a stream that has to be opened again: it was "idle", "cut" or "refused"."""
        self.stream_reconnects.labels(reason=reason).inc()

    def stream_event_ignored(self) -> None:
        """Count a stream event of an unknown kind."""
        self.stream_ignored.inc()

    def output_downloaded(self, count: int) -> None:
        """Count bytes of output files as they arrive."""
        self.bytes.labels(direction="fetched").inc(count)

    def webhook_received(self, outcome: str) -> None:
        """Count a webhook delivery."""
        self.webhooks.labels(outcome=outcome).inc()

    def name_process(self, *, id: str, host: str, pid: int) -> None:  # noqa: A002 (the label's name)
        """Say which of the bot's processes these metrics are of."""
        self.cluster_process.info({"id": id, "host": host, "pid": str(pid)})

    def transaction_finished(self, operation: str, seconds: float) -> None:
        """Count a database transaction."""
        self.database.labels(operation=operation).observe(seconds)

    def _create_run_metrics(self) -> None:
        self.runs_started = self._counter("runs_started", "New runs.", "command")
        self.runs_ended = self._counter("runs_ended", "Runs by terminal state.", "command", "end")
        self.runs_recovered = self._counter("runs_recovered", "Runs taken up after a restart.", "step")
        self.runs_active = self._gauge("runs_active", "Runs that are not delivered yet.")
        self.run_time = self._histogram(
            "run_seconds", "From the slash command to the final reply in Discord.", _RUN_BUCKETS, "command", "end"
        )
        self.first_content = self._histogram(
            "first_content_seconds", "From the slash command to the first output in Discord.", _RUN_BUCKETS, "command"
        )
        self.queue_length = self._gauge("queue_length", "Runs in the create queues.")
        self.backend_queue = self._gauge("backend_queue_length", "Runs in the create queue of a backend.", "backend")
        self.backend_runs = self._gauge("backend_runs_active", "Runs of a backend, not delivered yet.", "backend")
        self.backend_creates = self._counter(
            "backend_creates", "Creates by backend and what became of them.", "backend", "outcome"
        )
        self.queue_wait = self._histogram("queue_wait_seconds", "Time a run spent in that queue.", _RUN_BUCKETS)
        self.bytes = self._counter(
            "bytes",
            "Bytes transferred: attachments (given), outputs (fetched), uploads to Discord (uploaded).",
            "direction",
        )
        self.errors = self._counter("errors", "Unexpected errors by component.", "component")
        self.cost = self._counter("cost_dollars", "What runs have cost, as far as it is known.", "command")
        self.cost_reserved = self._gauge("cost_reserved_dollars", "What the runs that have not ended may cost.")
        self.budget_left = self._gauge(
            "budget_left_dollars", "What a budget has left, but for those of people.", "budget", "period", "owner"
        )

    def _create_discord_metrics(self) -> None:
        self.acknowledgement = self._histogram(
            "acknowledgement_seconds",
            "From the interaction to its acknowledgement; Discord allows 3 s.",
            _REQUEST_BUCKETS,
            "command",
        )
        self.staleness = self._histogram(
            "staleness_seconds", "Age of the newest output when Discord had it.", _STALENESS_BUCKETS
        )
        self.edits = self._counter("edits", "Edits of replies by transport and outcome.", "transport", "outcome")
        self.edit_time = self._histogram("edit_seconds", "Duration of an edit.", _REQUEST_BUCKETS, "transport")
        self.throttled = self._counter(
            "throttled", "Responses 429 by transport: token, bot, global, other or replicate.", "transport"
        )
        self.gateway_latency = self._gauge("gateway_latency_seconds", "Round trip of the last heartbeat.", "shard")
        self.gateway_reconnects = self._counter(
            "gateway_reconnects", "Gateway reconnects by kind: resumed or identified.", "kind"
        )

    def _create_replicate_metrics(self) -> None:
        self.creates = self._counter("creates", "Create requests by outcome.", "outcome")
        self.cancels = self._counter("cancels", "Cancel requests by outcome.", "outcome")
        self.requests = self._histogram(
            "replicate_request_seconds", "Requests to Replicate.", _REQUEST_BUCKETS, "operation", "outcome"
        )
        self.stream_reconnects = self._counter("stream_reconnects", "Streams opened again, by reason.", "reason")
        self.stream_ignored = self._counter("stream_events_ignored", "Stream events of unknown kinds.")
        self.webhooks = self._counter("webhooks", "Webhook deliveries by outcome.", "outcome")

    def _create_cluster_metrics(self) -> None:
        self.cluster_process = Info("replicord_process", "This process among those of the bot.", registry=self.registry)
        self.cluster_processes = self._gauge("processes", "Processes of the bot that live, as this one sees it.")
        self.cluster_leases = self._gauge("leases", "Leases that this process holds: shards, and maintenance.")
        self.cluster_changes = self._counter("lease_changes", "Leases that this process gained or lost.", "change")

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"replicord_{name}", documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(f"replicord_{name}", documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"replicord_{name}", documentation, labels, buckets=buckets, registry=self.registry)


def _outcome_class(outcome: str) -> str:
    """Return ok, throttled, refused, not_sent or no_answer."""
    match outcome[:1]:
        case "2":
            return "ok"
        case "3" | "4":
            return "throttled" if outcome == "429" else "refused"
        case "5":
            return "no_answer"
        case _:
            return outcome
