"""Runs that wait in the create queue for a minute, and then stream: how soon people see what they waited for."""

from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Figure, Row
from benchmarks.streaming import MB, observed_figures, request_figures, start_runs, wait_until
from benchmarks.token_clock import TICKS_PER_SECOND

_SECONDS = 10.0  # how long each run streams
_RATE = 50.0
_QUEUE_LIMIT = 180.0  # how long to wait for the last run to finish


async def measure(runs: int, at_once: int, candidate: Candidate, folder: Path) -> Row:
    """Start ``runs`` runs where only ``at_once`` may be created within a minute; return what those behind saw."""
    async with BenchmarkEnvironment() as environment:
        environment.creates_per_minute = at_once
        environment.tokens = round(_SECONDS * TICKS_PER_SECOND)
        process = candidate.process(environment, folder)
        try:
            await start_until_ready(process, environment)
            observed = await start_runs(runs, _RATE, environment)
            await wait_until(lambda: all(run.finished for run in observed), environment, _QUEUE_LIMIT)
            by_start = sorted(observed, key=lambda run: run.first_event_at or float("inf"))
            figures: dict[str, Figure] = {"peak memory MB": process.memory(peak=True) / MB}
        finally:
            await process.stop()
    waited = observed_figures(by_start[at_once:])
    return Row(f"queue {runs}", candidate.name, waited | figures | request_figures(environment))
