"""Rate: how many more creates Replicate takes, as its ``ratelimit-*`` headers say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """The state of a rate limit when it was told: ``remaining`` requests, and ``reset`` seconds until it refills."""

    remaining: int
    reset: float

    @classmethod
    def read(cls, headers: Mapping[str, str], *, now: float) -> "Rate | None":
        """Return what an answer's headers say, None where they say nothing; ``now`` is the Unix time."""
        try:
            remaining = int(headers.get("ratelimit-remaining", ""))
            reset = float(headers.get("ratelimit-reset", ""))
        except ValueError:
            return None
        if not math.isfinite(reset):
            return None
        if reset > _EPOCH_LIKE:  # some gateways count from 1970, not from now
            reset -= now
        return cls(max(remaining, 0), max(reset, 0.0))


_EPOCH_LIKE = 1_000_000_000
