"""Whatever the search for hostile input has found, or was reported, stays harmless; and the search finds things."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.hostile.fuzz.search import GROWTH_MAX, SEEDS, check, check_memory, keep, load, measure_growth, search
from tests.hostile.fuzz.targets import TARGETS, Target, Work

each_seed = pytest.mark.parametrize("path", sorted(SEEDS.glob("*.json")), ids=lambda path: path.stem)


@each_seed
def test_a_seed_is_harmless(path: Path) -> None:
    name, recipe = load(path)
    check(TARGETS[name], recipe)
    check_memory(TARGETS[name], recipe)


def test_every_target_has_seeds() -> None:
    assert {load(path)[0] for path in SEEDS.glob("*.json")} == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_finds_nothing(name: str) -> None:
    result = search(TARGETS[name], seconds=60, seed=0, inputs=20)
    assert result.tried >= 20
    assert result.failing is None


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_grows_with_its_inputs(name: str) -> None:
    assert measure_growth(TARGETS[name], seed=0, inputs=60) <= GROWTH_MAX


def test_growth_is_seen() -> None:
    kept: list[bytes] = []
    leaking = Target(st.integers(), lambda _: Work(lambda: kept.append(os.urandom(4 * 2**20))))
    assert measure_growth(leaking, seed=0, inputs=40) > GROWTH_MAX


def _use_cpu(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_search_finds_the_smallest_input_that_stalls() -> None:
    slow = Target(st.integers(0, 20), lambda number: Work(lambda: _use_cpu(0.2 if number > 7 else 0.0)))
    assert search(slow, seconds=60, seed=1).failing == 8


def test_a_search_finds_errors_and_slow_workers() -> None:
    broken = Target(st.integers(0, 1000), lambda number: Work(lambda: 1 // (number - min(number, 500))))
    assert search(broken, seconds=60, seed=1).failing == 0
    slow = Target(
        st.integers(0, 9), lambda number: Work(int, lambda: _use_cpu(0.1 if number > 4 else 0)), worker_seconds=0.05
    )
    assert search(slow, seconds=60, seed=1).failing == 5


def test_a_search_finds_inputs_that_fill_memory() -> None:
    large = Target(st.integers(0, 9), lambda number: Work(lambda: [bytes(2**20) for _ in range(10 * number)]))
    found = search(large, seconds=60, seed=1).failing
    assert found is not None
    with pytest.raises(AssertionError, match="MB of objects"):
        check_memory(large, 9)


def test_what_is_found_is_kept_as_text(tmp_path: Path) -> None:
    recipe = {"members": {"\ud800é": {"value": [1e300, "\0"]}}}
    path = keep("schemas", recipe, tmp_path)
    assert path.read_bytes().isascii()
    assert load(path) == ("schemas", recipe)
