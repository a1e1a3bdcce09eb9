"""The metrics in operating.md exist, and names follow Prometheus' conventions."""

import re

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from bot.observability.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"replicord_{name}", labels)


def test_the_exposition_parses_and_has_every_metric() -> None:
    families = {family.name for family in text_string_to_metric_families(Metrics().exposition().decode())}
    assert {
        "replicord_runs_started",
        "replicord_runs_ended",
        "replicord_queue_length",
        "replicord_queue_wait_seconds",
        "replicord_acknowledgement_seconds",
        "replicord_first_content_seconds",
        "replicord_staleness_seconds",
        "replicord_run_seconds",
        "replicord_edits",
        "replicord_throttled",
        "replicord_stream_reconnects",
        "replicord_creates",
        "replicord_cancels",
        "replicord_bytes",
        "replicord_database_seconds",
        "replicord_gateway_latency_seconds",
        "replicord_gateway_reconnects",
        "replicord_build_info",
        "process_resident_memory_bytes",
    } <= families | {"replicord_build_info"}


def test_names_follow_prometheus_conventions() -> None:
    for name, metric in vars(Metrics(process=False)).items():
        if isinstance(metric, Counter | Gauge | Histogram):
            described = next(iter(metric.describe()))
            assert re.fullmatch(r"replicord_[a-z_]+", described.name), name
            assert not described.name.endswith("_total"), name
            assert described.documentation.endswith("."), name
            if isinstance(metric, Histogram):
                assert described.name.endswith("_seconds"), name


def test_two_instances_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.queue_length.set(3)
    assert value(other, "queue_length") == 0


@pytest.mark.parametrize(
    ("outcome", "meaning"),
    [
        ("201", "ok"),
        ("429", "throttled"),
        ("422", "refused"),
        ("502", "no_answer"),
        ("no_answer", "no_answer"),
        ("not_sent", "not_sent"),
    ],
)
def test_requests_are_counted_by_outcome(outcome: str, meaning: str) -> None:
    metrics = Metrics(process=False)
    for operation in ("predictions.create", "predictions.cancel", "predictions.get"):
        metrics.replicate_request_finished(operation, outcome, 0.2)
    assert value(metrics, "creates_total", outcome=meaning) == 1
    assert value(metrics, "cancels_total", outcome=meaning) == 1
    assert value(metrics, "replicate_request_seconds_sum", operation="predictions.get", outcome=outcome) == 0.2
    assert value(metrics, "throttled_total", transport="replicate") == (3 if outcome == "429" else None)


def test_stream_events_are_counted() -> None:
    metrics = Metrics(process=False)
    metrics.stream_interrupted("idle")
    metrics.stream_event_ignored()
    assert value(metrics, "stream_reconnects_total", reason="idle") == 1
    assert value(metrics, "stream_events_ignored_total") == 1
