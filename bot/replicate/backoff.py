"""Backoff: how long to wait before trying again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

Jitter = Callable[[], float]
"""Gives a number from 0 to 1; handed in, so that a test knows it."""

some_jitter: Jitter = random.random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from ``first`` to ``longest`` seconds, each cut by up to half so that clients spread."""

    first: float
    longest: float

    def after(self, failures: int, jitter: Jitter) -> float:
        """Return the seconds to wait after so many failures in a row, counted from 1."""
        doublings = min(failures - 1, 30)
        return float(min(self.first * 2**doublings, self.longest) * (1 - jitter() / 2))
