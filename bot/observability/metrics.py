"""Prometheus metrics."""

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

# Discord gives 3 s to acknowledge; a page should be at most a second old; runs take seconds to half an hour.
_QUICK: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
_FRESH: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_LONG: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0)
_DISK: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Every metric, in a registry of its own: two bots in one process do not meet.

    Use the attributes as they are: ``metrics.runs_ended.labels(command="generate", end="succeeded").inc()``.
    """

    def __init__(self, *, version: str = "", process: bool = True) -> None:
        self.registry = CollectorRegistry()
        if process:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=self.registry)
        self._runs()
        self._discord()
        self._replicate()
        self._inside()
        Info("replicord_build", "Which version runs.", registry=self.registry).info({"version": version})

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format; its content type is CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _runs(self) -> None:
        self.runs_started = self._counter("runs_started", "Runs that began.", "command")
        self.runs_ended = self._counter("runs_ended", "Runs by how they ended.", "command", "end")
        self.runs_recovered = self._counter("runs_recovered", "Runs picked up after a restart.", "step")
        self.runs_active = self._gauge("runs_active", "Runs that are not delivered yet.")
        self.run_time = self._histogram(
            "run_seconds", "From the slash command to the last page in Discord.", _LONG, "command", "end"
        )
        self.first_content = self._histogram(
            "first_content_seconds", "From the slash command to the first output in Discord.", _LONG, "command"
        )
        self.queue_length = self._gauge("queue_length", "Runs that wait in our line before Replicate.")
        self.queue_wait = self._histogram("queue_wait_seconds", "How long a run waited in that line.", _LONG)
        self.bytes = self._counter("bytes", "Bytes by where they went: given, fetched or uploaded.", "direction")
        self.errors = self._counter("errors", "Errors that nobody expected, by the room they happened in.", "room")

    def _discord(self) -> None:
        self.acknowledgement = self._histogram(
            "acknowledgement_seconds", "From the interaction to its acknowledgement; 3 s are given.", _QUICK, "command"
        )
        self.staleness = self._histogram(
            "staleness_seconds", "How old the newest content was when Discord had it.", _FRESH
        )
        self.edits = self._counter("edits", "Edits of replies, by road and outcome.", "road", "outcome")
        self.edit_time = self._histogram("edit_seconds", "How long an edit took.", _QUICK, "road")
        self.throttled = self._counter("throttled", "Answers 429, by road: token, bot or replicate.", "road")
        self.gateway_latency = self._gauge("gateway_latency_seconds", "The last heartbeat's round trip.", "shard")
        self.gateway_reconnects = self._counter(
            "gateway_reconnects", "Lost gateway connections, by how they came back: resumed or identified.", "kind"
        )

    def _replicate(self) -> None:
        self.creates = self._counter("creates", "Predictions asked for, by what became of it.", "outcome")
        self.cancels = self._counter("cancels", "Cancellations asked for, by what became of it.", "outcome")
        self.requests = self._histogram(
            "replicate_request_seconds", "Requests to Replicate.", _QUICK, "operation", "outcome"
        )
        self.stream_reconnects = self._counter("stream_reconnects", "Streams opened again, by why.", "reason")
        self.stream_ignored = self._counter("stream_events_ignored", "Stream events of unknown kinds.")
        self.webhooks = self._counter("webhooks", "Webhook deliveries, by what became of them.", "outcome")

    def _inside(self) -> None:
        self.database = self._histogram("database_seconds", "Transactions.", _DISK, "operation")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"replicord_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"replicord_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"replicord_{name}", what, labels, buckets=buckets, registry=self.registry)


class ReplicateMetrics:
    """Counts and times requests, creates, cancels, 429s and streams."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Note one request."""
        self._metrics.requests.labels(operation=operation, outcome=outcome).observe(seconds)
        if outcome == "429":
            self._metrics.throttled.labels(road="replicate").inc()
        if operation == "predictions.create":
            self._metrics.creates.labels(outcome=_meaning(outcome)).inc()
        if operation == "predictions.cancel":
            self._metrics.cancels.labels(outcome=_meaning(outcome)).inc()

    def stream_closed(self, reason: str) -> None:
        """Note that a stream is opened again."""
        self._metrics.stream_reconnects.labels(reason=reason).inc()

    def event_ignored(self) -> None:
        """Note a stream event of an unknown kind."""
        self._metrics.stream_ignored.inc()


def _meaning(outcome: str) -> str:
    """Return what an outcome means for the request: ok, throttled, refused, not_sent or no_answer."""
    match outcome[:1]:
        case "2":
            return "ok"
        case "3" | "4":
            return "throttled" if outcome == "429" else "refused"
        case "5":
            return "no_answer"
        case _:
            return outcome
