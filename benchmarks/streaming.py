"""The loads of runs that stream: texts, pictures, and both."""

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.eyes import Sight
from benchmarks.far_end import FarEnd, picture
from benchmarks.figures import Figure, Row, spread
from benchmarks.metronome import BEATS
from benchmarks.process import Process
from benchmarks.subject import Subject, ready

MB = 1_000_000
_AT_REST_AFTER = 2.0
_SETTLE = 90.0  # the longest that ends are waited for
_HEAVY_LONGEST = 240.0
_TELL_EVERY = 0.2


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


async def measure(load: Load, subject: Subject, folder: Path) -> Row:
    """Start everything, play the load, and return what was seen."""
    async with FarEnd() as far_end:
        far_end.tokens = round(load.seconds * BEATS)
        far_end.pictures = max(1, round(load.seconds))
        process = subject.process(far_end, folder)
        try:
            took = await ready(process, far_end)
            await asyncio.sleep(_AT_REST_AFTER)
            figures: dict[str, Figure] = {"start to ready s": took, "memory at rest MB": process.memory() / MB}
            figures |= await _play(load, far_end, process)
        finally:
            await process.stop()
    return Row(load.name, subject.name, figures)


async def measure_heavy(runs: int, subject: Subject, folder: Path) -> Row:
    """Let ``runs`` runs end with ten pictures of 2 MB each, all at once, and return what it took."""
    async with FarEnd() as far_end:
        far_end.pictures, far_end.picture = 10, picture(1024, 90, least=2 * MB)
        far_end.together = asyncio.Event()
        process = subject.process(far_end, folder)
        try:
            await ready(process, far_end)
            await asyncio.sleep(_AT_REST_AFTER)
            rest, began = process.memory(), process.cpu()
            sights = await begin(runs, 50.0, far_end, commands=("paint",))
            await until(lambda: len(far_end.replicate.predictions) == runs, far_end, 30.0)
            far_end.together.set()
            await until(lambda: all(sight.over for sight in sights), far_end, _HEAVY_LONGEST)
            figures: dict[str, Figure] = {
                "memory at rest MB": rest / MB,
                "memory at most MB": process.memory(peak=True) / MB,
                "CPU s a run": (process.cpu() - began) / runs,
                "pictures seen": sum(sight.pictures for sight in sights),
            }
        finally:
            await process.stop()
    return Row(f"heavy {runs}", subject.name, seen(sights) | figures | told(far_end))


class _Meter:
    """What is counted from one moment on."""

    def __init__(self, far_end: FarEnd, process: Process) -> None:
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


async def _play(load: Load, far_end: FarEnd, process: Process) -> dict[str, Figure]:
    rest, begun = process.memory(), process.cpu()
    sights = await begin(load.runs, load.rate, far_end, commands=load.commands)
    await until(lambda: all(sight.first_event_at or sight.failed for sight in sights), far_end, 30.0)
    far_end.eyes.forget_ages()
    far_end.metronome.lag = 0.0
    meter = _Meter(far_end, process)
    while time.monotonic() - meter.at < load.hold and process.running:
        await asyncio.sleep(_TELL_EVERY)
        far_end.forget_calls()
    steady = meter.figures(load.runs) | {"far end: lag s": far_end.metronome.lag}
    held = process.memory()
    ages = list(far_end.eyes.ages)
    await until(lambda: all(sight.over for sight in sights), far_end, load.seconds + _SETTLE)
    counted: dict[str, Figure] = {
        **steady,
        "CPU s a run": (process.cpu() - begun) / load.runs,
        "memory a run kB": (held - rest) / load.runs / 1000,
        "memory at most MB": process.memory(peak=True) / MB,
    }
    return seen(sights) | spread("staleness s", ages, 0.5, 0.95) | counted | told(far_end)


async def begin(
    runs: int, rate: float, far_end: FarEnd, *, commands: Sequence[str] = ("talk",), after: int = 0
) -> list[Sight]:
    """Let people use ``commands`` in turn, ``rate`` a second; the first run's number is ``after``."""
    began, sights = time.monotonic(), []
    for number in range(runs):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sights.append(await far_end.ask(after + number, commands[number % len(commands)]))
    return sights


async def until(over: Callable[[], bool], far_end: FarEnd, longest: float) -> None:
    """Return when ``over`` says so, after ``longest`` seconds at most."""
    ends = time.monotonic() + longest
    while not over() and time.monotonic() < ends:
        await asyncio.sleep(_TELL_EVERY)
        far_end.forget_calls()


def seen(sights: Sequence[Sight]) -> dict[str, Figure]:
    """Return what people saw of the runs."""
    latencies = [sight.exchange.latency for sight in sights if sight.exchange and sight.exchange.latency is not None]
    first = [sight.first_seen_at - sight.first_event_at for sight in sights
             if sight.first_seen_at is not None and sight.first_event_at is not None]  # fmt: skip
    final = [sight.final_at - sight.done_at for sight in sights if sight.final_at and sight.done_at]
    return {
        **spread("acknowledged s", latencies, 0.5, 0.99),
        "not acknowledged": len(sights) - len(latencies),
        **spread("first content s", first, 0.5, 0.99),
        **spread("done to final edit s", final, 0.5, 0.95, 0.99),
        "never finished": sum(sight.final_at is None for sight in sights),
    }


def told(far_end: FarEnd) -> dict[str, Figure]:
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
