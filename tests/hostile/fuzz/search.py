"""Search for inputs that hold the bot up, make it raise or make it grow; keep what is found as a seed."""

import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from bot.limits import MIB
from tests.cpu_time import cpu_seconds
from tests.hostile.fuzz.recipes import Recipe
from tests.hostile.fuzz.targets import LOOP_SECONDS, Target
from tests.hostile.probe import own_memory

SEEDS: Final = Path(__file__).with_name("seeds")
MEMORY_MAX: Final = 64 * MIB  # of Python's objects, at the peak of one turn of the event loop
GROWTH_MAX: Final = 50 * MIB  # of the process, over the second half of many inputs
_ROUND: Final = 100  # inputs between two looks at the clock


def check(target: Target, recipe: Recipe) -> float:
    """Try one input, and return its CPU seconds on the event loop; AssertionError if it takes too much."""
    work = target.prepare(recipe)
    _, seconds = cpu_seconds(work.on_loop, times=1)
    if seconds > LOOP_SECONDS:  # maybe only the first time, or while the machine was busy
        _, seconds = cpu_seconds(work.on_loop)
    assert seconds <= LOOP_SECONDS, f"{seconds:.3f} s of CPU on the event loop"
    _, worker_seconds = cpu_seconds(work.in_worker, times=1)
    assert worker_seconds <= target.worker_seconds, f"{worker_seconds:.1f} s of CPU in a worker"
    return seconds


def check_memory(target: Target, recipe: Recipe) -> None:
    """Try one input; AssertionError if it makes too many objects at once."""
    work = target.prepare(recipe)
    tracemalloc.start()
    try:
        work.on_loop()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= MEMORY_MAX, f"{peak / MIB:.0f} MB of objects on the event loop"


@dataclass(frozen=True, slots=True)
class Result:
    """How many inputs were tried, and the smallest that fails."""

    tried: int
    failing: Recipe | None


def search(target: Target, *, seconds: float, seed: int, inputs: int = sys.maxsize) -> Result:
    """Try inputs for so long, the slower ones varied further, until one fails: takes too much, or raises."""
    tried = 0
    failing: list[Recipe] = []
    began = time.monotonic()

    def attempt(recipe: Recipe) -> None:
        nonlocal tried
        tried += 1
        try:
            hypothesis.target(check(target, recipe) * 1000)
            if tried % 10 == 0:
                check_memory(target, recipe)
        except Exception:
            failing.append(recipe)  # Hypothesis ends with the smallest
            raise

    while tried < inputs and time.monotonic() - began < seconds:
        try:
            _run(
                target,
                attempt,
                seed=seed + tried,
                inputs=min(_ROUND, inputs - tried),
                phases=(Phase.generate, Phase.target, Phase.shrink),
            )
        except Exception:  # noqa: BLE001  # whatever it is, the input that causes it is what counts
            break
    return Result(tried, failing[-1] if failing else None)


def measure_growth(target: Target, *, seed: int, inputs: int = 300) -> int:
    """Return by how many bytes the process grows while it works on the second half of so many different inputs."""
    recipes: list[Recipe] = []

    def collect(recipe: Recipe) -> None:
        recipes.append(recipe)

    _run(target, collect, seed=seed, inputs=inputs, phases=(Phase.generate,))
    sizes = []
    for half in (recipes[: inputs // 2], recipes[inputs // 2 :]):
        for recipe in half:
            work = target.prepare(recipe)
            work.on_loop()
            work.in_worker()
        gc.collect()
        sizes.append(own_memory(os.getpid()))
    return sizes[1] - sizes[0]


def _run(target: Target, use: Callable[[Recipe], None], *, seed: int, inputs: int, phases: Sequence[Phase]) -> None:
    """Call the function with so many recipes; raise what it raises for the smallest of them."""
    run = settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )(hypothesis.seed(seed)(given(target.recipes)(use)))
    run()


def keep(name: str, recipe: Recipe, folder: Path = SEEDS) -> Path:
    """Write a recipe where the tests find it, and return its file."""
    text = json.dumps(recipe, indent=1, ensure_ascii=True)
    path = folder / f"{name}-{sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text + "\n", encoding="ascii")
    return path


def load(path: Path) -> tuple[str, Recipe]:
    """Return the name of a seed's target, and its recipe."""
    return path.stem.rpartition("-")[0], json.loads(path.read_text(encoding="ascii"))
