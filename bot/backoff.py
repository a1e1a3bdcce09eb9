"""Exponential backoff with jitter: the delays of every loop that retries."""

import random
from collections.abc import Callable
from typing import Final

_MAX_DOUBLINGS: Final = 30  # 2**30 s is longer than any maximum, and no float overflows

Jitter = Callable[[], float]
"""Return a number from 0 to 1. Handed in, so that tests know it."""

random_jitter: Jitter = random.random


def no_jitter() -> float:
    """Return 0 (a Jitter)."""
    return 0.0


def backoff_delay(attempt: int, *, initial: float, maximum: float, jitter: Jitter = random_jitter) -> float:
    """Return the seconds to wait after failed attempt number ``attempt``, counted from 1.

    The delay doubles from ``initial`` to ``maximum``; up to half of it is taken off at random, so that clients which
    failed together do not come back together.
    """
    delay = min(initial * 2 ** min(attempt - 1, _MAX_DOUBLINGS), maximum)
    return float(delay * (1 - jitter() / 2))
