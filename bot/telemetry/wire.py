"""WireMeter: what goes over the wire to Replicate, as metrics. ``bot.replicate.meter.Meter`` is its shape."""

from bot.telemetry.metrics import Metrics


class WireMeter:
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
