"""The seed that a model used is read from its logs."""

import pytest

from bot.runs.progress import find_seed


@pytest.mark.parametrize(
    "logs",
    [
        "Using seed: 41273",
        "using seed 41273\n",
        "seed=41273",
        "Seed set to 41273",
        "Global seed set to 41273",
        "Random seed: 41273",
        "Loading weights\r\nRandom seed is 41273, steps 28",
        '{"seed": 41273, "steps": 4}',
        "'seed': 41273}",
        "[INFO] Seed:41273",
        " 50%|███   | 2/4 [00:01<00:01]\nUsing seed: 41273\nUsing seed: 7",
    ],
)
def test_common_forms_are_read(logs: str) -> None:
    assert find_seed(logs) == 41273


@pytest.mark.parametrize(
    "logs",
    [
        "",
        "no such word, 41273",
        "seed: -1",
        "seed: 4.5",
        "seed: 12abc",
        "seed: none",
        "reseed: 41273",
        "api_seed=41273",
        "seed phrase: apple 41273",
        "seed: 99999999999999999999",
        "seed: 9223372036854775808",
    ],
)
def test_what_is_no_seed_is_not_taken(logs: str) -> None:
    assert find_seed(logs) is None


def test_a_later_seed_counts_when_the_first_is_none() -> None:
    assert find_seed("seed: -1\nUsing seed: 12") == 12


def test_long_logs_are_read_at_once() -> None:
    assert find_seed("seed " * 100_000) is None
    assert find_seed("seed" + " " * 500_000) is None
