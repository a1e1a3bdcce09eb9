"""The plan: which loads run, for which candidates, in which order."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import burst, history, idle, library, queue, restart, streaming, takeover, transitions
from benchmarks.candidates import OFFICIAL, PLAIN, REPLICORD, Candidate
from benchmarks.figures import Row

_BASELINE_RUNS_MAX = 500  # with more runs the baselines do not finish


@dataclass(frozen=True, slots=True)
class Step:
    """One load for one candidate."""

    name: str
    candidate: str
    work: Callable[[Path], Coroutine[Any, Any, Row]]

    def matches(self, word: str) -> bool:
        """Return whether ``word`` is the load, its first word, or part of the candidate's name."""
        return word in (self.name, self.name.partition(" ")[0]) or word in self.candidate


def build_plan(*, quick: bool) -> list[Step]:
    """Return every step; with ``quick`` the same kinds of loads, but small."""
    return [*_streaming(quick=quick), *_others(quick=quick)]


def build_postgresql_plan(candidate: Candidate, *, quick: bool) -> Iterator[Step]:
    """Yield the steps for processes on PostgreSQL."""
    # From 1,000 on the rate falls as the runs grow: 30,000 tokens a second are what a core can be sent.
    for runs, token_every in ((3, 1), (4, 2)) if quick else ((100, 1), (300, 1), (1000, 1), (2000, 2), (4000, 4)):
        load = streaming.build_load("text", runs, hold=1.5 if quick else 15.0, token_every=token_every)
        yield Step(load.name, candidate.name, partial(streaming.measure, load, candidate))
    if candidate.processes > 1:
        # Two processes and the stand-ins share two cores: a quarter of the tokens leaves some for the takeover.
        for runs, token_every in ((4, 1),) if quick else ((300, 1), (1000, 4)):
            work = partial(takeover.measure, runs, candidate, token_every=token_every)
            yield Step(f"takeover {runs}", candidate.name, work)
    else:
        for milliseconds in (0, 5):
            yield Step(
                f"transitions {milliseconds} ms",
                candidate.name,
                partial(transitions.measure, 20 if quick else 1000, milliseconds / 1000, candidate),
            )


def _streaming(*, quick: bool) -> Iterator[Step]:
    numbers = {"text": (3,), "images": (2,), "mix": (4,)} if quick else {
        "text": (1, 100, 300, 500, 1000, 2000), "images": (1, 100), "mix": (100, 500),
    }  # fmt: skip
    for kind, counts in numbers.items():
        for runs in counts:
            load = streaming.build_load(kind, runs, hold=1.5 if quick else 15.0)
            candidates = [REPLICORD, OFFICIAL, PLAIN] if kind == "text" and runs <= _BASELINE_RUNS_MAX else [REPLICORD]
            for candidate in candidates:
                yield Step(load.name, candidate.name, partial(streaming.measure, load, candidate))


def _others(*, quick: bool) -> Iterator[Step]:
    for candidate in (REPLICORD, OFFICIAL, PLAIN):
        yield Step("rest", candidate.name, partial(idle.measure, candidate))
    heavy = 2 if quick else 100
    yield Step(f"heavy {heavy}", REPLICORD.name, partial(streaming.measure_heavy, heavy, REPLICORD))
    for commands, background in ((5, 0),) if quick else ((200, 0), (200, 1000)):
        name = f"burst {commands}" + (f" beside {background}" if background else "")
        for candidate in [REPLICORD, OFFICIAL, PLAIN] if not (quick or background) else [REPLICORD]:
            yield Step(name, candidate.name, partial(burst.measure, commands, background, candidate))
    for queued, at_once in () if quick else ((400, 240), (1000, 600)):  # a minute of waiting is nothing quick
        yield Step(f"queue {queued}", REPLICORD.name, partial(queue.measure, queued, at_once, REPLICORD))
    runs = 4 if quick else 1000
    yield Step(f"restart {runs}", REPLICORD.name, partial(restart.measure, runs))
    rows = 1000 if quick else 1_000_000
    yield Step(f"history {rows}", REPLICORD.name, partial(history.measure, rows))
    for results in (200,) if quick else (10_000, 100_000):
        yield Step(f"library {results}", REPLICORD.name, partial(library.measure, results))
