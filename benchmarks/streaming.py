"""The loads of runs that stream: text, images, and both."""

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment, make_image
from benchmarks.figures import Figure, Row, percentiles
from benchmarks.observer import ObservedRun
from benchmarks.process import AnyProcess
from benchmarks.token_clock import TICKS_PER_SECOND

MB = 1_000_000
_IDLE_AFTER = 2.0
_SETTLE_LIMIT = 90.0  # how long to wait for the last runs to finish
_HEAVY_LIMIT = 240.0
_POLL_EVERY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``runs`` runs, started at ``rate`` a second, that stream together for ``hold`` seconds and end in order.

    ``commands`` are used in turn: ``talk`` writes thirty tokens a second, or each ``token_every``-th of them;
    ``paint`` makes an image a second.
    """

    name: str
    runs: int
    commands: tuple[str, ...]
    hold: float
    rate: float
    token_every: int = 1

    @property
    def seconds(self) -> float:
        """How long each run takes."""
        return self.runs / self.rate + self.hold


def build_load(kind: str, runs: int, *, hold: float = 15.0, token_every: int = 1) -> Load:
    """Return the load of one kind (text, images, mix) with ``runs`` runs."""
    commands = {"text": ("talk",), "images": ("paint",), "mix": ("talk", "paint")}[kind]
    rate = min(max(runs / 5, 2), 50)
    return Load(name=f"{kind} {runs}", runs=runs, commands=commands, hold=hold, rate=rate, token_every=token_every)


async def measure(load: Load, candidate: Candidate, folder: Path) -> Row:
    """Start everything, run the load, and return what was observed."""
    async with BenchmarkEnvironment() as environment:
        environment.token_clock.every = load.token_every
        environment.tokens = round(load.seconds * TICKS_PER_SECOND / load.token_every)
        environment.images = max(1, round(load.seconds))
        process = candidate.process(environment, folder)
        try:
            start_seconds = await start_until_ready(process, environment)
            await asyncio.sleep(_IDLE_AFTER)
            figures: dict[str, Figure] = {
                "start to ready s": start_seconds,
                "idle memory MB": process.memory() / MB,
            }
            figures |= await _run_load(load, environment, process)
        finally:
            await process.stop()
    return Row(load.name, candidate.name, figures)


async def measure_heavy(runs: int, candidate: Candidate, folder: Path) -> Row:
    """Let ``runs`` runs end at the same moment with ten images of 2 MB each, and return what that costs."""
    async with BenchmarkEnvironment() as environment:
        environment.images, environment.image = 10, make_image(1024, 90, min_bytes=2 * MB)
        environment.release = asyncio.Event()
        process = candidate.process(environment, folder)
        try:
            await start_until_ready(process, environment)
            await asyncio.sleep(_IDLE_AFTER)
            memory_before, cpu_before = process.memory(), process.cpu()
            observed = await start_runs(runs, 50.0, environment, commands=("paint",))
            await wait_until(lambda: len(environment.replicate.predictions) == runs, environment, 30.0)
            environment.release.set()
            await wait_until(lambda: all(run.finished for run in observed), environment, _HEAVY_LIMIT)
            figures: dict[str, Figure] = {
                "idle memory MB": memory_before / MB,
                "peak memory MB": process.memory(peak=True) / MB,
                "CPU s a run": (process.cpu() - cpu_before) / runs,
                "images seen": sum(run.images for run in observed),
            }
        finally:
            await process.stop()
    return Row(f"heavy {runs}", candidate.name, observed_figures(observed) | figures | request_figures(environment))


class _Measurement:
    """Counts CPU, events and edits from its creation on."""

    def __init__(self, environment: BenchmarkEnvironment, process: AnyProcess) -> None:
        self._environment = environment
        self._process = process
        self.started_at = time.monotonic()
        self._cpu, self._own_cpu = process.cpu(), _own_cpu()
        self._events, self._edits = environment.events, environment.observer.requests["edit", 200]

    def figures(self, runs: int) -> dict[str, Figure]:
        """Return the costs per event, run and second so far."""
        cpu, events = self._process.cpu() - self._cpu, self._environment.events - self._events
        seconds = time.monotonic() - self.started_at
        edits = self._environment.observer.requests["edit", 200] - self._edits
        return {
            "CPU s per 1,000 events": 1000 * cpu / events if events else None,
            "cores used": cpu / seconds,
            "edits a second and run": edits / seconds / runs,
            "events a second": events / seconds,
            "environment: cores used": (_own_cpu() - self._own_cpu) / seconds,
        }


async def _run_load(load: Load, environment: BenchmarkEnvironment, process: AnyProcess) -> dict[str, Figure]:
    memory_before, cpu_before = process.memory(), process.cpu()
    observed = await start_runs(load.runs, load.rate, environment, commands=load.commands)
    await wait_until(lambda: all(run.first_event_at or run.failed for run in observed), environment, 30.0)
    environment.observer.clear_ages()
    environment.token_clock.lag = 0.0
    measurement = _Measurement(environment, process)
    while time.monotonic() - measurement.started_at < load.hold and process.running:
        await asyncio.sleep(_POLL_EVERY)
        environment.clear_calls()
    figures = measurement.figures(load.runs) | {"environment: lag s": environment.token_clock.lag}
    memory = process.memory()
    ages = list(environment.observer.ages)
    await wait_until(lambda: all(run.finished for run in observed), environment, load.seconds + _SETTLE_LIMIT)
    figures |= {
        "CPU s a run": (process.cpu() - cpu_before) / load.runs,
        "memory a run kB": (memory - memory_before) / load.runs / 1000,
        "peak memory MB": process.memory(peak=True) / MB,
    }
    staleness = percentiles("staleness s", ages, 0.5, 0.95)
    return observed_figures(observed) | staleness | figures | request_figures(environment)


async def start_runs(
    runs: int,
    rate: float,
    environment: BenchmarkEnvironment,
    *,
    commands: Sequence[str] = ("talk",),
    first_number: int = 0,
) -> list[ObservedRun]:
    """Start ``runs`` runs with ``commands`` in turn, ``rate`` a second, numbered from ``first_number``."""
    started_at, observed = time.monotonic(), []
    for number in range(runs):
        await asyncio.sleep(max(0.0, started_at + number / rate - time.monotonic()))
        observed.append(await environment.start_run(first_number + number, commands[number % len(commands)]))
    return observed


async def wait_until(condition: Callable[[], bool], environment: BenchmarkEnvironment, limit: float) -> None:
    """Return when ``condition`` is true, or after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_EVERY)
        environment.clear_calls()


def observed_figures(observed: Sequence[ObservedRun]) -> dict[str, Figure]:
    """Return how soon people saw the acknowledgement, the first content and the final edit."""
    latencies = [run.result.latency for run in observed if run.result and run.result.latency is not None]
    first = [run.first_visible_at - run.first_event_at for run in observed
             if run.first_visible_at is not None and run.first_event_at is not None]  # fmt: skip
    final = [run.final_at - run.done_at for run in observed if run.final_at and run.done_at]
    return {
        **percentiles("acknowledged s", latencies, 0.5, 0.99),
        "not acknowledged": len(observed) - len(latencies),
        **percentiles("first content s", first, 0.5, 0.95, 0.99),
        **percentiles("done to final edit s", final, 0.5, 0.95, 0.99),
        "never finished": sum(run.final_at is None for run in observed),
    }


def request_figures(environment: BenchmarkEnvironment) -> dict[str, Figure]:
    """Return the number of edits, 429s and other errors among the requests to Discord."""
    requests = environment.observer.requests
    limited = {kind: count for (kind, status), count in requests.items() if status == 429}
    return {
        "edits": requests["edit", 200],
        "429s": sum(limited.values()),
        "429s on": ", ".join(f"{kind} {count}" for kind, count in limited.items()) or None,
        "other errors": sum(count for (_, status), count in requests.items() if status >= 400 and status != 429),
    }


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
