"""The plan: which loads are played, to whom, in which order."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import burst, history, idle, restart, streaming
from benchmarks.candidates import OFFICIAL, PLAIN, REPLICORD
from benchmarks.figures import Row

_BASELINE_RUNS_MAX = 500  # runs; beyond, the afternoon bots do not come to an end


@dataclass(frozen=True, slots=True)
class Step:
    """One load for one subject."""

    name: str
    subject: str
    work: Callable[[Path], Coroutine[Any, Any, Row]]

    def named(self, word: str) -> bool:
        """Whether ``word`` names it: the whole load, the first word of one, or a part of a subject."""
        return word in (self.name, self.name.partition(" ")[0]) or word in self.subject


def build_plan(*, quick: bool) -> list[Step]:
    """Return every step; ``quick`` ones are of the same kinds and small."""
    return [*_streaming(quick=quick), *_others(quick=quick)]


def _streaming(*, quick: bool) -> Iterator[Step]:
    numbers = {"text": (3,), "images": (2,), "mix": (4,)} if quick else {
        "text": (1, 100, 300, 500, 1000, 2000), "images": (1, 100), "mix": (100, 500),
    }  # fmt: skip
    for kind, counts in numbers.items():
        for runs in counts:
            load = streaming.load(kind, runs, hold=1.5 if quick else 15.0)
            subjects = [REPLICORD, OFFICIAL, PLAIN] if kind == "text" and runs <= _BASELINE_RUNS_MAX else [REPLICORD]
            for subject in subjects:
                yield Step(load.name, subject.name, partial(streaming.measure, load, subject))


def _others(*, quick: bool) -> Iterator[Step]:
    for subject in (REPLICORD, OFFICIAL, PLAIN):
        yield Step("rest", subject.name, partial(idle.measure, subject))
    heavy = 2 if quick else 100
    yield Step(f"heavy {heavy}", REPLICORD.name, partial(streaming.measure_heavy, heavy, REPLICORD))
    for commands, beside in ((5, 0),) if quick else ((200, 0), (200, 1000)):
        name = f"burst {commands}" + (f" beside {beside}" if beside else "")
        for subject in [REPLICORD, OFFICIAL, PLAIN] if not (quick or beside) else [REPLICORD]:
            yield Step(name, subject.name, partial(burst.measure, commands, beside, subject))
    runs = 4 if quick else 1000
    yield Step(f"restart {runs}", REPLICORD.name, partial(restart.measure, runs))
    rows = 1000 if quick else 1_000_000
    yield Step(f"history {rows}", REPLICORD.name, partial(history.measure, rows))
