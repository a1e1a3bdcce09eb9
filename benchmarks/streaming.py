"""The loads of runs that stream: texts, pictures, and both."""

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment, make_image
from benchmarks.figures import Figure, Row, percentiles
from benchmarks.observer import Observation
from benchmarks.process import Process
from benchmarks.token_clock import TOKENS_PER_SECOND

MB = 1_000_000
_IDLE_AFTER = 2.0
_SETTLE_LIMIT = 90.0  # the longest that ends are waited for
_HEAVY_LIMIT = 240.0
_POLL_EVERY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many ``runs``, begun at ``rate`` a second; all go on together for ``hold`` seconds, then end as they began.

    ``commands`` are used in turn: ``talk`` writes thirty tokens a second, ``paint`` makes a picture a second.
    """

    name: str
    runs: int
    commands: tuple[str, ...]
    hold: float
    rate: float

    @property
    def seconds(self) -> float:
        """How long each run lasts."""
        return self.runs / self.rate + self.hold


def load(kind: str, runs: int, *, hold: float = 15.0) -> Load:
    """Return the load of one kind (text, images, mix) and number."""
    commands = {"text": ("talk",), "images": ("paint",), "mix": ("talk", "paint")}[kind]
    return Load(name=f"{kind} {runs}", runs=runs, commands=commands, hold=hold, rate=min(max(runs / 5, 2), 50))


async def measure(load: Load, subject: Candidate, folder: Path) -> Row:
    """Start everything, play the load, and return what was seen."""
    async with BenchmarkEnvironment() as far_end:
        far_end.tokens = round(load.seconds * TOKENS_PER_SECOND)
        far_end.pictures = max(1, round(load.seconds))
        process = subject.process(far_end, folder)
        try:
            took = await start_until_ready(process, far_end)
            await asyncio.sleep(_IDLE_AFTER)
            figures: dict[str, Figure] = {"start to ready s": took, "memory at rest MB": process.memory() / MB}
            figures |= await _play_load(load, far_end, process)
        finally:
            await process.stop()
    return Row(load.name, subject.name, figures)


async def measure_heavy(runs: int, subject: Candidate, folder: Path) -> Row:
    """Let ``runs`` runs end with ten pictures of 2 MB each, all at once, and return what it took."""
    async with BenchmarkEnvironment() as far_end:
        far_end.pictures, far_end.picture = 10, make_image(1024, 90, least=2 * MB)
        far_end.together = asyncio.Event()
        process = subject.process(far_end, folder)
        try:
            await start_until_ready(process, far_end)
            await asyncio.sleep(_IDLE_AFTER)
            rest, began = process.memory(), process.cpu()
            sights = await start_runs(runs, 50.0, far_end, commands=("paint",))
            await wait_until(lambda: len(far_end.replicate.predictions) == runs, far_end, 30.0)
            far_end.together.set()
            await wait_until(lambda: all(sight.over for sight in sights), far_end, _HEAVY_LIMIT)
            figures: dict[str, Figure] = {
                "memory at rest MB": rest / MB,
                "memory at most MB": process.memory(peak=True) / MB,
                "CPU s a run": (process.cpu() - began) / runs,
                "pictures seen": sum(sight.pictures for sight in sights),
            }
        finally:
            await process.stop()
    return Row(f"heavy {runs}", subject.name, observed_figures(sights) | figures | request_figures(far_end))


class _Measurement:
    """What is counted from one moment on."""

    def __init__(self, far_end: BenchmarkEnvironment, process: Process) -> None:
        self.far_end = far_end
        self.process = process
        self.cpu, self.events, self.at = self.process.cpu(), self.far_end.made, time.monotonic()
        self.own = _own_cpu()
        self.edits = self.far_end.eyes.calls["edit", 200]

    def figures(self, runs: int) -> dict[str, Figure]:
        """Return what it came to since."""
        cpu, events = self.process.cpu() - self.cpu, self.far_end.made - self.events
        seconds = time.monotonic() - self.at
        edits = self.far_end.eyes.calls["edit", 200] - self.edits
        return {
            "CPU s per 1,000 events": 1000 * cpu / events if events else None,
            "cores used": cpu / seconds,
            "edits a second and run": edits / seconds / runs,
            "events a second": events / seconds,
            "far end: cores used": (_own_cpu() - self.own) / seconds,
        }


async def _play_load(load: Load, far_end: BenchmarkEnvironment, process: Process) -> dict[str, Figure]:
    rest, begun = process.memory(), process.cpu()
    sights = await start_runs(load.runs, load.rate, far_end, commands=load.commands)
    await wait_until(lambda: all(sight.first_event_at or sight.failed for sight in sights), far_end, 30.0)
    far_end.eyes.forget_ages()
    far_end.metronome.lag = 0.0
    meter = _Measurement(far_end, process)
    while time.monotonic() - meter.at < load.hold and process.running:
        await asyncio.sleep(_POLL_EVERY)
        far_end.forget_calls()
    steady = meter.figures(load.runs) | {"far end: lag s": far_end.metronome.lag}
    held = process.memory()
    ages = list(far_end.eyes.ages)
    await wait_until(lambda: all(sight.over for sight in sights), far_end, load.seconds + _SETTLE_LIMIT)
    counted: dict[str, Figure] = {
        **steady,
        "CPU s a run": (process.cpu() - begun) / load.runs,
        "memory a run kB": (held - rest) / load.runs / 1000,
        "memory at most MB": process.memory(peak=True) / MB,
    }
    return observed_figures(sights) | percentiles("staleness s", ages, 0.5, 0.95) | counted | request_figures(far_end)


async def start_runs(
    runs: int, rate: float, far_end: BenchmarkEnvironment, *, commands: Sequence[str] = ("talk",), after: int = 0
) -> list[Observation]:
    """Let people use ``commands`` in turn, ``rate`` a second; the first run's number is ``after``."""
    began, sights = time.monotonic(), []
    for number in range(runs):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sights.append(await far_end.ask(after + number, commands[number % len(commands)]))
    return sights


async def wait_until(over: Callable[[], bool], far_end: BenchmarkEnvironment, longest: float) -> None:
    """Return when ``over`` says so, after ``longest`` seconds at most."""
    ends = time.monotonic() + longest
    while not over() and time.monotonic() < ends:
        await asyncio.sleep(_POLL_EVERY)
        far_end.forget_calls()


def observed_figures(sights: Sequence[Observation]) -> dict[str, Figure]:
    """Return what people saw of the runs."""
    latencies = [sight.exchange.latency for sight in sights if sight.exchange and sight.exchange.latency is not None]
    first = [sight.first_seen_at - sight.first_event_at for sight in sights
             if sight.first_seen_at is not None and sight.first_event_at is not None]  # fmt: skip
    final = [sight.final_at - sight.done_at for sight in sights if sight.final_at and sight.done_at]
    return {
        **percentiles("acknowledged s", latencies, 0.5, 0.99),
        "not acknowledged": len(sights) - len(latencies),
        **percentiles("first content s", first, 0.5, 0.99),
        **percentiles("done to final edit s", final, 0.5, 0.95, 0.99),
        "never finished": sum(sight.final_at is None for sight in sights),
    }


def request_figures(far_end: BenchmarkEnvironment) -> dict[str, Figure]:
    """Return what was asked of Discord."""
    calls = far_end.eyes.calls
    refused = sum(n for (_, status), n in calls.items() if status >= 400 and status != 429)
    return {
        "edits": calls["edit", 200],
        "429s": sum(n for (_, status), n in calls.items() if status == 429),
        "429s on": ", ".join(f"{what} {n}" for (what, status), n in calls.items() if status == 429) or None,
        "other refusals": refused,
    }


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
